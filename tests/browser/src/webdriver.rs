//! WebDriver's requests and answers: JSON over plain HTTP, see <https://www.w3.org/TR/webdriver2/>.

use std::time::Duration;

use serde_json::Value;
use ureq::{Agent, http::Request};

/// Speaks to one driver.
#[derive(Debug)]
pub(crate) struct WebDriver {
    agent: Agent,
    address: String,
}

/// A command that the driver refused, for instance because there is no such element.
#[derive(Debug)]
pub(crate) struct Refused(pub(crate) String);

impl WebDriver {
    pub(crate) fn new(address: &str) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(60)))
            .build();
        Self { agent: config.into(), address: address.to_owned() }
    }

    /// Sends a command and gives the value that it answers with.
    pub(crate) fn call(&self, method: &str, path: &str, body: &Value) -> Result<Value, Refused> {
        let body = if method == "POST" { body.to_string() } else { String::new() };
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.address))
            .header("content-type", "application/json; charset=utf-8")
            .body(body)
            .expect("the address and the path are a URL");
        let mut answer = self.agent.run(request).map_err(|error| Refused(error.to_string()))?;
        let mut json: Value = answer.body_mut().read_json().map_err(|error| Refused(error.to_string()))?;
        match answer.status().is_success() {
            true => Ok(json["value"].take()),
            false => Err(Refused(json["value"]["message"].to_string())),
        }
    }
}
