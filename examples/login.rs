//! A login form, a page for logged-in users, "remember me", a list of devices, and "log out everywhere":
//! `cargo run --example login`, then open <http://127.0.0.1:3000> in two browsers. The users are alice and bob, and their
//! password is `sesame`. Without a browser:
//!
//! ```text
//! curl -c jar -d 'name=alice&password=sesame' http://127.0.0.1:3000/login
//! curl -b jar http://127.0.0.1:3000/
//! curl -b jar -X POST http://127.0.0.1:3000/logout-everywhere
//! ```
//!
//! `PORT` names the port, by default 3000; with 0 the system chooses one.

use std::{env, error::Error, io::Write as _, net::Ipv4Addr, time::Duration};

use axum::{
    Form, Router,
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
    response::{Html, IntoResponse, Redirect, Response},
    routing::{get, post},
};
use cloakroom::{Cookie, Session, SessionError, SessionManager, store::MemoryStore, tower::SessionLayer};
use serde::Deserialize;
use tokio::net::TcpListener;

const REMEMBERED_FOR: Duration = Duration::from_secs(14 * 24 * 60 * 60);

#[derive(Deserialize)]
struct Login {
    name: String,
    password: String,
    /// A checkbox: `Some("on")` if it is ticked.
    remember: Option<String>,
}

impl Login {
    /// A real app compares with a hash, and limits the attempts.
    fn is_right(&self) -> bool {
        ["alice", "bob"].contains(&&*self.name) && self.password == "sesame"
    }
}

async fn login_form() -> Html<&'static str> {
    Html(
        r#"<form method="post">
             <input name="name" placeholder="alice"> <input name="password" type="password" placeholder="sesame">
             <label><input type="checkbox" name="remember"> Remember me</label> <button>Log in</button>
           </form>"#,
    )
}

async fn log_in(session: Session, Form(login): Form<Login>) -> Result<Response, SessionError> {
    if !login.is_right() {
        return Ok((StatusCode::UNAUTHORIZED, "Wrong name or password\n").into_response());
    }
    session.log_in(&login.name)?;
    if login.remember.is_some() {
        session.remember(REMEMBERED_FOR)?;
    }
    Ok(Redirect::to("/").into_response())
}

/// A user who is logged in, with their session. All others are sent to the login form.
struct User {
    name: String,
    session: Session,
}

impl<S: Sync> FromRequestParts<S> for User {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        let session = cloakroom::tower::session(parts).await.map_err(IntoResponse::into_response)?;
        match session.subject() {
            Some(name) => Ok(Self { name, session }),
            None => Err(Redirect::to("/login").into_response()),
        }
    }
}

async fn account(User { name, session }: User) -> Result<Html<String>, SessionError> {
    let mut page = format!("<h1>Hello, {name}</h1><ul>");
    for device in session.sessions().await? {
        let (id, since) = (device.id(), device.created_at());
        let this = if session.id() == Some(id) { "<b>this device</b>, " } else { "" };
        page += &format!(
            r#"<li>{this}since {since} <form method="post" action="/end"><button name="id" value="{id}">End</button></form>"#
        );
    }
    page += r#"</ul><form method="post" action="/logout"><button>Log out</button></form>
               <form method="post" action="/logout-everywhere"><button>Log out everywhere</button></form>"#;
    Ok(Html(page))
}

#[derive(Deserialize)]
struct Device {
    id: String,
}

async fn end(user: User, Form(device): Form<Device>) -> Result<Redirect, SessionError> {
    if let Ok(id) = device.id.parse() {
        user.session.end(id).await?; // only a session of this user can be ended
    }
    Ok(Redirect::to("/"))
}

async fn log_out(user: User) -> Result<Redirect, SessionError> {
    user.session.log_out()?;
    Ok(Redirect::to("/login"))
}

async fn log_out_everywhere(user: User) -> Result<Redirect, SessionError> {
    user.session.end_all().await?;
    Ok(Redirect::to("/login"))
}

pub(crate) fn app(sessions: SessionManager) -> Router {
    Router::new()
        .route("/", get(account))
        .route("/login", get(login_form).post(log_in))
        .route("/end", post(end))
        .route("/logout", post(log_out))
        .route("/logout-everywhere", post(log_out_everywhere))
        .layer(SessionLayer::new(sessions))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let sessions = SessionManager::new(MemoryStore::new())
        // Only for plain HTTP on your own machine; leave it out in production.
        .cookie(Cookie::insecure_for_local_development("session"));
    let port = env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    writeln!(std::io::stdout(), "http://{}", listener.local_addr()?)?;
    axum::serve(listener, app(sessions)).await?;
    Ok(())
}
