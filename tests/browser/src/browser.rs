//! One browser with a profile of its own.

use std::{env, fs, path::PathBuf, thread, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use crate::{
    chromium::{capabilities, new_profile},
    webdriver::{Refused, WebDriver},
};

/// How large the window is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// A laptop's screen.
    Desktop,
    /// The smallest phone, with its way to lay out pages.
    Phone,
}

/// What the visitor's system prefers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Looks {
    /// Dark text on light ground.
    Light,
    /// Light text on dark ground.
    Dark,
}

/// A running browser. Dropped, it quits and its profile is deleted: also when a test panics.
#[derive(Debug)]
pub struct Browser<'a> {
    driver: WebDriver,
    session: String,
    shop: &'a str,
    profile: PathBuf,
}

/// Its methods panic with the reason when the browser cannot do what is asked: that is how a test fails.
#[allow(clippy::missing_panics_doc, reason = "said once, above")]
impl<'a> Browser<'a> {
    pub(crate) fn start(driver: &'a str, shop: &'a str, window: Window) -> Self {
        let mut browser =
            Self { driver: WebDriver::new(driver), session: String::new(), shop, profile: new_profile() };
        let wanted = json!({ "capabilities": { "alwaysMatch": capabilities(&browser.profile, window) } });
        let session = browser.post("/session", &wanted);
        browser.session = format!("/session/{}", text(&session["sessionId"]));
        browser
    }

    /// Goes to a page of the shop.
    pub fn goto(&self, path: &str) {
        self.goto_at(self.shop, path);
    }

    /// Goes to a page of another server on this machine. Cookies know hosts and no ports, so they go along.
    pub fn goto_at(&self, server: &str, path: &str) {
        self.post("/url", &json!({ "url": format!("{server}{path}") }));
    }

    /// Loads the page again.
    pub fn reload(&self) {
        self.post("/refresh", &json!({}));
    }

    /// The status of the response that brought the page.
    #[must_use]
    pub fn status(&self) -> Value {
        self.script("return performance.getEntriesByType('navigation')[0].responseStatus")
    }

    /// Loads the page again until its status is this one.
    #[track_caller]
    pub fn reload_until(&self, status: u16) {
        for _ in 0..400 {
            self.reload();
            if self.status() == status {
                return;
            }
            nap();
        }
        panic!(
            "the page should have the status {status}, but it has {}: {}",
            self.status(),
            self.read("body")
        );
    }

    /// Presses the button of this label.
    pub fn press(&self, label: &str) {
        let button = self.button(label);
        self.post(&format!("/element/{button}/click"), &json!({}));
    }

    /// Presses the button of this label twice, so long apart.
    pub fn press_twice(&self, label: &str, apart: Duration) {
        let element = json!({ ELEMENT: self.button(label) });
        let (down, up) =
            (json!({ "type": "pointerDown", "button": 0 }), json!({ "type": "pointerUp", "button": 0 }));
        let pause = json!({ "type": "pause", "duration": apart.as_millis() as u64 });
        let to = json!({ "type": "pointerMove", "origin": element, "x": 0, "y": 0, "duration": 0 });
        let mouse = json!({
            "type": "pointer", "id": "mouse", "parameters": { "pointerType": "mouse" },
            "actions": [to, down, up, pause, down, up],
        });
        self.post("/actions", &json!({ "actions": [mouse] }));
    }

    /// Types into the field that this selector finds.
    pub fn type_into(&self, selector: &str, keys: &str) {
        let field = self.find("css selector", selector);
        self.post(&format!("/element/{field}/value"), &json!({ "text": keys }));
    }

    /// What can be read where the selector points; nothing if it points nowhere.
    #[must_use]
    pub fn read(&self, selector: &str) -> String {
        text(&self.script(&format!("return document.querySelector({})?.innerText ?? ''", json!(selector))))
    }

    /// Waits until `expected` can be read where the selector points.
    #[track_caller]
    pub fn sees(&self, selector: &str, expected: &str) {
        let mut last = String::new();
        for _ in 0..200 {
            last = self.read(selector);
            if last.contains(expected) {
                return;
            }
            nap();
        }
        panic!("{selector} should say {expected:?}, but it says {last:?}");
    }

    /// Checks that nothing is where the selector points.
    #[track_caller]
    pub fn sees_no(&self, selector: &str) {
        assert_eq!(self.count(selector), 0, "there should be no {selector}");
    }

    /// Waits until nothing is where the selector points.
    #[track_caller]
    pub fn loses(&self, selector: &str) {
        for _ in 0..200 {
            if self.count(selector) == 0 {
                return;
            }
            nap();
        }
        panic!("{selector} should go");
    }

    fn count(&self, selector: &str) -> Value {
        self.script(&format!("return document.querySelectorAll({}).length", json!(selector)))
    }

    /// What a script on the page returns.
    #[must_use]
    pub fn script(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// The cookies of the page, with their attributes.
    #[must_use]
    pub fn cookies(&self) -> Vec<Value> {
        self.get("/cookie").as_array().cloned().unwrap_or_default()
    }

    /// Opens another tab and looks at it.
    pub fn open_tab(&self) -> Tab {
        let tab = text(&self.post("/window/new", &json!({ "type": "tab" }))["handle"]);
        self.look_at(&Tab(tab.clone()));
        Tab(tab)
    }

    /// The tab that is being looked at.
    #[must_use]
    pub fn tab(&self) -> Tab {
        Tab(text(&self.get("/window")))
    }

    /// Looks at this tab.
    pub fn look_at(&self, tab: &Tab) {
        self.post("/window", &json!({ "handle": tab.0 }));
    }

    /// Says what the visitor's system prefers from now on.
    pub fn prefer(&self, looks: Looks) {
        let value = if looks == Looks::Dark { "dark" } else { "light" };
        let features = json!([
            { "name": "prefers-color-scheme", "value": value },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]);
        let _ = self.devtools("Emulation.setEmulatedMedia", &json!({ "features": features }));
    }

    /// What the console has complained about since it was last asked.
    #[must_use]
    pub fn complaints(&self) -> Vec<Value> {
        self.post("/se/log", &json!({ "type": "browser" })).as_array().cloned().unwrap_or_default()
    }

    /// Puts a picture of the whole page into `SCREENSHOTS`, if that is set.
    pub fn picture(&self, name: &str) {
        let Some(folder) = env::var_os("SCREENSHOTS").map(PathBuf::from) else { return };
        let whole = json!({ "format": "png", "captureBeyondViewport": true });
        let png = text(&self.devtools("Page.captureScreenshot", &whole)["data"]);
        let png = BASE64_STANDARD.decode(png).expect("the browser sends its pictures in base64");
        fs::create_dir_all(&folder).expect("SCREENSHOTS can be created");
        fs::write(folder.join(format!("{name}.png")), png).expect("SCREENSHOTS can be written to");
    }

    fn button(&self, label: &str) -> String {
        self.find("xpath", &format!("//button[normalize-space()='{label}' or @aria-label='{label}']"))
    }

    fn find(&self, using: &str, value: &str) -> String {
        text(&self.post("/element", &json!({ "using": using, "value": value }))[ELEMENT])
    }

    fn devtools(&self, command: &str, params: &Value) -> Value {
        self.post("/goog/cdp/execute", &json!({ "cmd": command, "params": params }))
    }

    #[track_caller]
    fn post(&self, path: &str, body: &Value) -> Value {
        self.answer(path, self.driver.call("POST", &format!("{}{path}", self.session), body))
    }

    #[track_caller]
    fn get(&self, path: &str) -> Value {
        self.answer(path, self.driver.call("GET", &format!("{}{path}", self.session), &Value::Null))
    }

    #[track_caller]
    fn answer(&self, path: &str, answer: Result<Value, Refused>) -> Value {
        answer.unwrap_or_else(|Refused(reason)| panic!("the browser refuses {path}: {reason}"))
    }
}

impl Drop for Browser<'_> {
    fn drop(&mut self) {
        // A browser that never started has no session to end; a profile that never was needs no deleting.
        if !self.session.is_empty() {
            let _ = self.driver.call("DELETE", &self.session, &Value::Null);
        }
        let _ = fs::remove_dir_all(&self.profile);
    }
}

/// Names a tab of a browser.
#[derive(Debug)]
pub struct Tab(String);

/// Under this name WebDriver's answers hold elements.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[expect(clippy::disallowed_methods, reason = "nobody can set a browser's clock forward")]
fn nap() {
    thread::sleep(Duration::from_millis(25));
}
