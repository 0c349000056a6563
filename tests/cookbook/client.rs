//! A browser with cookies, for an app in the same process.

use std::collections::BTreeMap;

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{
        Request, Response,
        header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE},
    },
};
use tower::ServiceExt as _;

/// What a page answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) text: String,
    /// Where it redirects to.
    pub(crate) location: String,
}

#[derive(Clone)]
pub(crate) struct Browser {
    app: Router,
    pub(crate) cookies: BTreeMap<String, String>,
}

impl Browser {
    pub(crate) fn new(app: &Router) -> Self {
        Self { app: app.clone(), cookies: BTreeMap::new() }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send(Request::get(path), "").await
    }

    pub(crate) async fn post(&mut self, path: &str, form: &str) -> Answer {
        self.send(Request::post(path), form).await
    }

    /// A form on a page of another site that a script submits: a cookie with `SameSite=Lax` is not sent then.
    pub(crate) async fn post_from_another_site(
        &mut self,
        path: &str,
        form: &str,
        sends_cookies: bool,
    ) -> Answer {
        let held = if sends_cookies { None } else { Some(std::mem::take(&mut self.cookies)) };
        let request = Request::post(path).header("sec-fetch-site", "cross-site");
        let answer = self.send(request, form).await;
        if let Some(held) = held {
            let set = std::mem::replace(&mut self.cookies, held);
            self.cookies.extend(set);
        }
        answer
    }

    /// Sends a request and gives the response before its body has arrived.
    pub(crate) async fn open(&mut self, request: Request<Body>) -> Response<Body> {
        let response = self.app.clone().oneshot(request).await.unwrap();
        for line in response.headers().get_all(SET_COOKIE) {
            let line = line.to_str().unwrap();
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            if line.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        response
    }

    /// What the browser sends back.
    pub(crate) fn cookie_header(&self) -> String {
        self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    async fn send(&mut self, request: axum::http::request::Builder, form: &str) -> Answer {
        let request = request
            .header(COOKIE, self.cookie_header())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(form.to_owned()))
            .unwrap();
        let response = self.open(request).await;
        let location = response.headers().get(LOCATION).map(|value| value.to_str().unwrap().to_owned());
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        Answer {
            status,
            text: String::from_utf8(body.to_vec()).unwrap(),
            location: location.unwrap_or_default(),
        }
    }
}
