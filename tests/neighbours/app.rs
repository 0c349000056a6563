//! An application whose sessions grow as large as is asked, on both frameworks.

use std::{fmt, net::SocketAddr, net::TcpListener, sync::Arc};

use cloakroom::{
    Cookie, Session, SessionError, SessionManager, SessionStore, actix::SessionMiddleware,
    tower::SessionLayer,
};

/// Who logs in: the longest name that there may be.
pub(crate) const SUBJECT: &str = concat!(
    "sssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss",
    "sssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss",
    "sssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss",
);

const _: () = assert!(SUBJECT.len() == 255);

/// What else a response says, such as a policy of its content.
fn other_header() -> String {
    "x".repeat(800)
}

/// A server that ends with the test.
pub(crate) struct Served {
    framework: &'static str,
    pub(crate) address: SocketAddr,
    runtime: Option<tokio::runtime::Runtime>,
    actix: Option<actix_web::dev::ServerHandle>,
}

impl fmt::Debug for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.framework)
    }
}

fn manager(store: &Arc<dyn SessionStore>) -> SessionManager {
    SessionManager::new(Arc::clone(store)).cookie(Cookie::insecure_for_local_development("session"))
}

fn fill(session: &Session, len: usize) -> Result<(), SessionError> {
    session.insert("blob", "x".repeat(len))
}

fn who(session: &Session) -> Result<String, SessionError> {
    let len = session.get::<String>("blob")?.map_or(0, |blob| blob.len());
    Ok(format!("{} {len}", session.subject().as_deref().unwrap_or("nobody")))
}

impl Served {
    pub(crate) fn on_each_framework(store: &Arc<dyn SessionStore>) -> [Self; 2] {
        [Self::on_axum(store), Self::on_actix(store)]
    }

    pub(crate) fn on_axum(store: &Arc<dyn SessionStore>) -> Self {
        use axum::{
            Router,
            extract::Path,
            middleware::map_response,
            response::Response,
            routing::{get, post},
        };
        let app = Router::new()
            .route("/login", post(async |session: Session| session.log_in(SUBJECT)))
            .route("/logout", post(async |session: Session| session.log_out()))
            .route("/fill/{len}", post(async |Path(len): Path<usize>, session: Session| fill(&session, len)))
            .route("/who", get(async |session: Session| who(&session)))
            .layer(SessionLayer::new(manager(store)))
            .layer(map_response(async |mut response: Response| {
                response.headers_mut().insert("x-other", other_header().parse().unwrap());
                response
            }));
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move { axum::serve(listener, app).await });
        Self { framework: "axum", address, runtime: Some(runtime), actix: None }
    }

    pub(crate) fn on_actix(store: &Arc<dyn SessionStore>) -> Self {
        use actix_web::{App, HttpServer, middleware::DefaultHeaders, web};
        let sessions = manager(store);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let system = actix_web::rt::System::new();
            let app = move || {
                let fill = async |len: web::Path<usize>, session: Session| fill(&session, *len).map(|()| "");
                App::new()
                    .wrap(SessionMiddleware::new(sessions.clone()))
                    .wrap(DefaultHeaders::new().add(("x-other", other_header())))
                    .route(
                        "/login",
                        web::post().to(async |session: Session| session.log_in(SUBJECT).map(|()| "")),
                    )
                    .route("/logout", web::post().to(async |session: Session| session.log_out().map(|()| "")))
                    .route("/fill/{len}", web::post().to(fill))
                    .route("/who", web::get().to(async |session: Session| who(&session)))
            };
            let server = HttpServer::new(app).workers(1).disable_signals().listen(listener).unwrap().run();
            sender.send(server.handle()).unwrap();
            system.block_on(server).unwrap();
        });
        Self { framework: "actix-web", address, runtime: None, actix: Some(receiver.recv().unwrap()) }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
        if let Some(server) = &self.actix {
            drop(server.stop(false));
        }
    }
}
