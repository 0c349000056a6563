//! A client: what holds a token between requests.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    app::ORDER,
    http::{Request, Response},
    stage::Stage,
    tables::{COOKIE, Client},
};

/// A client. A copy is a thief's: it has the tokens of that moment.
#[derive(Debug, Clone)]
pub(crate) struct Device<'a> {
    stage: &'a Stage,
    cookies: BTreeMap<String, String>,
    /// What an app holds instead of cookies.
    bearer: Option<String>,
}

impl<'a> Device<'a> {
    pub(crate) fn new(stage: &'a Stage) -> Self {
        Self { stage, cookies: BTreeMap::new(), bearer: None }
    }

    /// The token that it holds, as it presents it.
    pub(crate) fn token(&self) -> Option<&str> {
        match self.stage.client {
            Client::Browser => self.cookies.get(COOKIE).map(String::as_str),
            Client::App => self.bearer.as_deref(),
        }
    }

    pub(crate) fn holds_nothing(&self) -> bool {
        self.cookies.is_empty() && self.bearer.is_none()
    }

    /// A request that presents what it holds.
    pub(crate) fn request(&self, method: &'static str, path: &str) -> Request {
        let mut request = Request::new(method, path);
        if !self.cookies.is_empty() {
            let pairs: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.with("cookie", pairs.join("; "));
        }
        match &self.bearer {
            Some(token) => request.with("authorization", format!("Bearer {token}")),
            None => request,
        }
    }

    /// A request that changes something.
    pub(crate) fn post(&self, path: &str, mut order: Value) -> Request {
        order["app"] = json!(self.stage.client == Client::App);
        self.request("POST", path).body(&order)
    }

    /// Sends a request and keeps what its response hands out.
    pub(crate) async fn sends(&mut self, request: &Request) -> Response {
        let response = self.stage.exchange(request).await;
        self.keeps(&response);
        response
    }

    pub(crate) async fn gets(&mut self, path: &str) -> Response {
        self.sends(&self.request("GET", path)).await
    }

    pub(crate) async fn gets_with(&mut self, path: &str, order: &Value) -> Response {
        self.sends(&self.request("GET", path).with(ORDER, order.to_string())).await
    }

    pub(crate) async fn posts(&mut self, path: &str, order: Value) -> Response {
        self.sends(&self.post(path, order)).await
    }

    pub(crate) async fn logs_in(&mut self, name: &str) -> Response {
        self.posts("/login", json!({ "name": name })).await
    }

    pub(crate) async fn logs_out(&mut self) -> Response {
        self.posts("/logout", json!({})).await
    }

    pub(crate) async fn adds(&mut self, item: &str) -> Response {
        self.posts("/cart", json!({ "name": item })).await
    }

    /// Who it is to the server; an anonymous visitor is `None`, anything but success a failure.
    pub(crate) async fn subject(&mut self) -> Option<String> {
        let page = self.page().await;
        page.says("subject").as_str().map(str::to_owned)
    }

    pub(crate) async fn cart(&mut self) -> Vec<String> {
        serde_json::from_value(self.page().await.says("cart")).unwrap()
    }

    /// Its session's name.
    pub(crate) async fn id(&mut self) -> Option<String> {
        let page = self.page().await;
        page.says("id").as_str().map(str::to_owned)
    }

    async fn page(&mut self) -> Response {
        let page = self.gets("/me").await;
        assert_eq!(page.status, 200, "{}", page.text());
        page
    }

    /// Keeps what a response hands out, and forgets what it takes back.
    pub(crate) fn keeps(&mut self, response: &Response) {
        match self.stage.client {
            Client::Browser => {
                for line in response.all("set-cookie") {
                    self.keeps_cookie(line);
                }
            }
            Client::App => self.keeps_bearer(response),
        }
    }

    fn keeps_cookie(&mut self, line: &str) {
        let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
        match value {
            "" => self.cookies.remove(name),
            _ => self.cookies.insert(name.into(), value.into()),
        };
    }

    fn keeps_bearer(&mut self, response: &Response) {
        assert_eq!(response.all("set-cookie"), [""; 0], "an app gets no cookie");
        if response.says("logged_out") == true {
            // There is no way to take a token back from an app; a good one forgets it.
            self.bearer = None;
        }
        if let Some(token) = response.header("session-token") {
            self.bearer = Some(token.into());
        }
    }
}

/// What a response hands out or takes back: its `Set-Cookie` and `Session-Token` lines.
pub(crate) fn handed(response: &Response) -> Vec<&str> {
    [response.all("set-cookie"), response.all("session-token")].concat()
}
