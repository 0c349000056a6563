//! A jar of cookies, as a browser keeps it (RFC 6265bis, sections 5.6 to 5.8).

use cloakroom::Session;

use crate::browser::{Request, Response, Server, Visit, finish};

/// A cookie: to a browser its name, its domain and its path together.
#[derive(Debug, Clone)]
struct Kept {
    name: String,
    domain: String,
    /// Whether it is for that host alone.
    host_only: bool,
    path: String,
    /// Whether it is in the jar of this site as the one that the user visits.
    partitioned: bool,
    value: String,
}

/// A browser's cookies of one site.
#[derive(Debug, Clone, Default)]
pub(crate) struct Jar(Vec<Kept>);

impl Jar {
    /// Obeys a `Set-Cookie` line that came from `host`.
    pub(crate) fn obey(&mut self, host: &str, line: &str) {
        let mut parts = line.split("; ");
        let (name, value) = parts.next().unwrap().split_once('=').unwrap();
        assert!(line.len() <= 4096, "a line has at most 4096 bytes");
        let attribute = |wanted: &str| {
            let mut pairs = line.split("; ").skip(1).filter_map(|part| part.split_once('='));
            pairs.find(|(name, _)| *name == wanted).map(|(_, value)| value.to_owned())
        };
        let domain = attribute("Domain");
        let belongs =
            domain.as_ref().is_none_or(|domain| host == domain || host.ends_with(&format!(".{domain}")));
        if !belongs {
            return;
        }
        let kept = Kept {
            name: name.to_owned(),
            host_only: domain.is_none(),
            domain: domain.unwrap_or_else(|| host.to_owned()),
            path: attribute("Path").unwrap(),
            partitioned: line.split("; ").any(|part| part == "Partitioned"),
            value: value.to_owned(),
        };
        self.0.retain(|known| {
            (&known.name, &known.domain, known.host_only, &known.path, known.partitioned)
                != (&kept.name, &kept.domain, kept.host_only, &kept.path, kept.partitioned)
        });
        if attribute("Max-Age").as_deref() != Some("0") {
            self.0.push(kept);
        }
    }

    pub(crate) fn keep(&mut self, host: &str, response: &Response) {
        let lines = response.headers.iter().filter(|(name, _)| name == "set-cookie");
        lines.for_each(|(_, line)| self.obey(host, line));
    }

    /// The `Cookie` header of a request: longer paths come first, then older cookies.
    pub(crate) fn header(&self, host: &str, path: &str) -> String {
        let mut sent: Vec<_> = self.0.iter().filter(|cookie| cookie.goes_to(host, path)).collect();
        sent.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        sent.iter().map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect::<Vec<_>>().join("; ")
    }

    /// The names of all cookies, each with its domain and path.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self
            .0
            .iter()
            .map(|kept| {
                let dot = if kept.host_only { "" } else { "." };
                format!("{} {dot}{}{}", kept.name, kept.domain, kept.path)
            })
            .collect();
        names.sort();
        names
    }

    /// The value of the only cookie of this name.
    pub(crate) fn value(&self, name: &str) -> &str {
        let mut named = self.0.iter().filter(|kept| kept.name == name);
        let (Some(kept), None) = (named.next(), named.next()) else {
            panic!("one {name} in {:?}", self.names())
        };
        &kept.value
    }

    /// The value of the cookie of this name and path.
    pub(crate) fn value_at(&self, name: &str, path: &str) -> &str {
        &self.0.iter().find(|kept| kept.name == name && kept.path == path).unwrap().value
    }
}

impl Kept {
    fn goes_to(&self, host: &str, path: &str) -> bool {
        let to_host =
            host == self.domain || (!self.host_only && host.ends_with(&format!(".{}", self.domain)));
        let rest = path.strip_prefix(&self.path);
        let to_path =
            rest.is_some_and(|rest| rest.is_empty() || self.path.ends_with('/') || rest.starts_with('/'));
        to_host && to_path
    }
}

/// A browser with such a jar, at one host.
#[derive(Clone)]
pub(crate) struct Surfer {
    pub(crate) server: Server,
    pub(crate) host: &'static str,
    pub(crate) jar: Jar,
}

impl Surfer {
    pub(crate) fn new(server: &Server, host: &'static str) -> Self {
        Self { server: server.clone(), host, jar: Jar::default() }
    }

    pub(crate) fn request(&self, path: &'static str) -> Request {
        let request = Request { method: "POST", path, headers: Vec::new() };
        let request = request.with("host", self.host).with("sec-fetch-site", "same-origin");
        match self.jar.header(self.host, path) {
            header if header.is_empty() => request,
            header => request.with("cookie", header),
        }
    }

    pub(crate) async fn visit(&self, path: &'static str) -> Visit {
        self.server.browser().try_visit(&self.request(path)).await.unwrap()
    }

    /// A whole request.
    pub(crate) async fn does(&mut self, path: &'static str, action: impl FnOnce(&Session)) -> Response {
        let visit = self.visit(path).await;
        action(&visit.session);
        let response = finish(visit, 200).await;
        self.jar.keep(self.host, &response);
        response
    }

    pub(crate) async fn logs_in(&mut self, path: &'static str, name: &str) -> Response {
        self.does(path, |session| session.log_in(name).unwrap()).await
    }

    pub(crate) async fn logs_out(&mut self, path: &'static str) -> Response {
        self.does(path, |session| session.log_out().unwrap()).await
    }

    pub(crate) async fn writes(&mut self, path: &'static str) -> Response {
        self.does(path, |session| session.insert("note", 1).unwrap()).await
    }

    /// Who a page that only reads takes the visitor for.
    pub(crate) async fn subject(&mut self, path: &'static str) -> Option<String> {
        let mut subject = None;
        let response = self.does(path, |session| subject = session.subject()).await;
        assert!(response.is_ok());
        subject
    }
}
