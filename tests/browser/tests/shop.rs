//! The shop, as its visitors see it.

mod steps;

use std::time::Duration;

use cloakroom_browser_tests::{Browser, Looks, Stage, Window, session_store_name};
use steps::{add, log_in};

#[test]
fn a_cart_is_filled_changed_and_emptied() {
    let stage = Stage::new();
    let browser = stage.browser(Window::Desktop);
    add(&browser, "College scarf");
    add(&browser, "College scarf");
    add(&browser, "Camel overcoat");
    browser.sees("#cart-count", "3");

    browser.goto("/cart");
    browser.sees("[data-item=scarf] output", "2");
    browser.sees(".total", "€365.00");
    browser.press("One College scarf more");
    browser.sees("[data-item=scarf] output", "3");
    browser.press("One Camel overcoat fewer");
    browser.sees(".message", "Removed: Camel overcoat");
    browser.sees_no("[data-item=overcoat]");

    browser.reload();
    browser.sees("[data-item=scarf] output", "3");
    browser.sees(".total", "€114.00");
    browser.press("Remove College scarf");
    browser.sees("h1", "Your cart is empty");
}

#[test]
fn a_login_keeps_the_cart_and_a_logout_takes_it() {
    let stage = Stage::new();
    let browser = stage.browser(Window::Desktop);
    add(&browser, "Storm umbrella");
    log_in(&browser, "Ada");
    browser.sees(".message", "Welcome, Ada");
    browser.sees("#cart-count", "1");
    browser.reload();
    browser.sees(".hello", "Hello Ada");
    browser.sees_no(".message");

    browser.press("Log out");
    browser.sees(".message", "Goodbye");
    browser.sees_no(".hello");
    browser.goto("/cart");
    browser.sees("h1", "Your cart is empty");
}

#[test]
fn nothing_is_stored_before_something_is_worth_it() {
    let stage = Stage::new();
    let browser = stage.browser(Window::Desktop);
    for path in ["/", "/cart", "/devices"] {
        browser.goto(path);
        browser.sees("#session-panel .number", "no ticket yet");
    }
    assert_eq!(browser.cookies(), Vec::<serde_json::Value>::new());

    add(&browser, "Felt fedora");
    let [cookie] = browser.cookies().try_into().expect("there is exactly one cookie");
    assert_eq!(cookie["name"], "session");
    assert_eq!(cookie["httpOnly"], true);
    assert_eq!(cookie["sameSite"], "Lax");
    assert_eq!(cookie["path"], "/");
}

#[test]
fn the_panel_tells_where_the_session_lives() {
    let stage = Stage::new();
    let browser = stage.browser(Window::Desktop);
    add(&browser, "Bobble hat");
    browser.reload();
    browser.sees("#session-store", &session_store_name());
    browser.sees("#session-panel .number", "№ ");
    for fact in ["Token sent", " bytes", "30 minutes", "12 hours", "Expires", "UTC", "Survives a restart"] {
        browser.sees("#session-panel", fact);
    }
}

#[test]
fn a_name_is_text_and_never_markup() {
    let stage = Stage::new();
    let browser = stage.browser(Window::Desktop);
    log_in(&browser, "<b>&\"'</b><script>x</script>");
    browser.sees(".message", "Welcome, <b>&\"'</b><script>x</script>");
    browser.sees_no("b, script");
}

#[test]
fn other_devices_can_be_signed_out() {
    let stage = Stage::new();
    let (laptop, phone) = (stage.browser(Window::Desktop), stage.browser(Window::Phone));
    log_in(&laptop, "Ada");
    log_in(&phone, "Ada");
    laptop.goto("/devices");
    if laptop.read(".notice").contains("other devices cannot be shown") {
        return laptop.sees_no(".devices");
    }
    laptop.sees(".device:has(.this)", "This device");
    laptop.picture("devices-desktop-light");
    laptop.press("Sign out all other devices");
    laptop.sees(".message", "Other devices signed out: 1");
    laptop.sees(".hello", "Hello Ada");
    phone.reload();
    phone.sees_no(".hello");

    log_in(&phone, "Ada");
    laptop.reload();
    laptop.press("Sign out");
    laptop.sees(".message", "That device is signed out.");
    phone.reload();
    phone.sees_no(".hello");
}

#[test]
fn a_double_clicked_login_is_one_login_with_the_cart_intact() {
    let stage = Stage::new();
    let browser = stage.browser(Window::Desktop);
    for milliseconds in [0, 5, 50, 150] {
        add(&browser, "Puddle boots");
        browser.type_into("#name", "Grace");
        browser.press_twice("Log in", Duration::from_millis(milliseconds));
        browser.sees(".hello", "Hello Grace");
        browser.reload();
        browser.sees(".hello", "Hello Grace");
        browser.sees("#cart-count", "1");
        browser.press("Log out");
        browser.sees(".message", "Goodbye");
    }
}

#[test]
fn a_logout_in_one_tab_holds_in_the_other() {
    let stage = Stage::new();
    let browser = stage.browser(Window::Desktop);
    log_in(&browser, "Ada");
    add(&browser, "Driving gloves");
    let first = browser.tab();
    let second = browser.open_tab();
    browser.goto("/cart");
    browser.sees(".hello", "Hello Ada");
    browser.look_at(&first);
    browser.press("Log out");
    browser.sees(".message", "Goodbye");

    browser.look_at(&second);
    browser.press("One Driving gloves more");
    // The page before had the same heading.
    browser.loses(".hello");
    browser.sees("h1", "Your cart");
    browser.goto("/");
    browser.sees_no(".hello");
}

/// Where clients carry their sessions, or a central store keeps them, any server answers; where one server's memory
/// does, it is the only one.
#[test]
fn two_servers_keep_a_browser_logged_in_unless_the_session_lives_in_one_of_them() {
    let stage = Stage::with_two_servers();
    let browser = stage.browser(Window::Desktop);
    if session_store_name() == "memory" {
        browser.goto("/");
        browser.type_into("#name", "Ada");
        browser.press("Log in");
        let known: Vec<bool> = (0..4).map(|_| is_known_after_reload(&browser)).collect();
        assert!(known.contains(&false), "the server that does not know the session has its turn");
        return;
    }
    log_in(&browser, "Ada");
    add(&browser, "College scarf");
    for _ in 0..6 {
        assert!(is_known_after_reload(&browser));
        browser.sees("#cart-count", "1");
    }
    browser.press("Log out");
    browser.sees(".message", "Goodbye");
}

fn is_known_after_reload(browser: &Browser<'_>) -> bool {
    browser.reload();
    browser.sees("h1", "Come in from the weather");
    browser.read(".hello").contains("Hello Ada")
}

#[test]
fn every_page_fits_its_window_and_the_console_is_silent() {
    let stage = Stage::new();
    for window in [Window::Desktop, Window::Phone] {
        let browser = stage.browser(window);
        browser.prefer(Looks::Light);
        add(&browser, "Camel overcoat");
        log_in(&browser, "Bartholomew Featherstonehaugh-Smythe");
        add(&browser, "Storm umbrella");
        browser.picture(&format!("added-{window:?}").to_lowercase());
        for looks in [Looks::Light, Looks::Dark] {
            browser.prefer(looks);
            for path in ["/", "/cart", "/devices"] {
                browser.goto(path);
                fits(&browser, window);
                let page = if path == "/" { "shop" } else { &path[1..] };
                browser.picture(&format!("{page}-{window:?}-{looks:?}").to_lowercase());
            }
        }
        assert_eq!(browser.complaints(), Vec::<serde_json::Value>::new());
    }
}

/// Nothing sticks out sideways, and on a phone nothing that can be pressed is smaller than a finger.
fn fits(browser: &Browser<'_>, window: Window) {
    // A phone's `innerWidth` grows with a page that is too wide; its `clientWidth` does not.
    let sticks_out =
        browser.script("const page = document.documentElement; return page.scrollWidth - page.clientWidth");
    assert_eq!(sticks_out, 0, "the page is that many pixels too wide");
    if window == Window::Phone {
        let small = browser.script(
            "return [...document.querySelectorAll('a:not(.skip), button, input:not([type=hidden])')]
                .filter(element => element.getClientRects().length && element.getBoundingClientRect().height < 44)
                .map(element => element.outerHTML)",
        );
        assert_eq!(small, serde_json::json!([]), "these are too small for a finger");
    }
}
