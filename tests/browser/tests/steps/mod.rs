//! What visitors do in every test.

use cloakroom_browser_tests::Browser;

pub fn log_in(browser: &Browser<'_>, name: &str) {
    browser.goto("/");
    browser.type_into("#name", name);
    browser.press("Log in");
    browser.sees(".hello", &format!("Hello {name}"));
}

pub fn add(browser: &Browser<'_>, item: &str) {
    browser.goto("/");
    browser.press(&format!("Add {item} to the cart"));
    browser.sees(".message", &format!("Added: {item}"));
}
