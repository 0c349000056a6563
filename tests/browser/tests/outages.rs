//! What a visitor notices when servers die: nothing, or that they have to wait.

mod steps;

use cloakroom_browser_tests::{Browser, Stage, Window};
use steps::{add, log_in};

/// Each is `kill -9`, and the shops are never restarted for the sake of Redis.
#[test]
fn two_shops_on_one_redis_keep_a_browser_logged_in_while_any_of_the_three_is_killed() {
    let stage = Stage::with_two_servers_on("redis:");
    let browser = stage.browser(Window::Desktop);
    log_in(&browser, "Ada");
    add(&browser, "College scarf");

    for (shop, item) in ["Storm umbrella", "Felt fedora"].into_iter().enumerate() {
        stage.kill_shop(shop);
        is_known_with(&browser, 1 + shop);
        add(&browser, item);
        stage.restart_shop(shop);
        is_known_with(&browser, 2 + shop);
    }

    let cookies = browser.cookies();
    stage.kill_redis();
    for path in ["/cart", "/devices", "/", "/"] {
        browser.goto(path);
        assert_eq!(browser.status(), 503, "{path}");
        assert_eq!(browser.cookies(), cookies, "an outage is no log-out");
    }
    stage.restart_redis();
    browser.reload_until(200);
    is_known_with(&browser, 3);
    assert_eq!(browser.cookies(), cookies);

    browser.press("Log out");
    browser.sees(".message", "Goodbye");
}

/// On both servers, whichever has its turn.
#[track_caller]
fn is_known_with(browser: &Browser<'_>, items: usize) {
    browser.goto("/");
    for _ in 0..4 {
        browser.reload();
        browser.sees(".hello", "Hello Ada");
        browser.sees("#cart-count", &items.to_string());
    }
}
