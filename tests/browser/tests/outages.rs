//! What a visitor notices when servers die: nothing, or that they have to wait.

mod steps;

use cloakroom_browser_tests::{Browser, Stage, Window};
use steps::{add, log_in};

#[test]
fn two_shops_on_one_redis_keep_a_browser_logged_in_while_any_of_the_three_is_killed() {
    any_of_the_three_is_killed("redis:");
}

#[test]
fn two_shops_on_one_postgres_keep_a_browser_logged_in_while_any_of_the_three_is_killed() {
    any_of_the_three_is_killed("postgres:");
}

/// Each is `kill -9`, and the shops are never restarted for the sake of the database.
fn any_of_the_three_is_killed(store: &str) {
    let stage = Stage::with_two_servers_on(store);
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
    stage.kill_database();
    for path in ["/cart", "/devices", "/", "/"] {
        browser.goto(path);
        assert_eq!(browser.status(), 503, "{path}");
        assert_eq!(browser.cookies(), cookies, "an outage is no log-out");
    }
    stage.restart_database();
    browser.reload_until(200);
    is_known_with(&browser, 3);
    assert_eq!(browser.cookies(), cookies);

    browser.press("Log out");
    browser.sees(".message", "Goodbye");
}

#[test]
fn a_shop_on_sqlite_that_is_killed_comes_back_with_the_cart() {
    let stage = Stage::on("sqlite:");
    let browser = stage.browser(Window::Desktop);
    log_in(&browser, "Ada");
    for (item, items) in [("College scarf", 1), ("Storm umbrella", 2)] {
        add(&browser, item);
        let cookies = browser.cookies();
        stage.kill_shop(0);
        stage.restart_shop(0);
        is_known_with(&browser, items);
        assert_eq!(browser.cookies(), cookies);
    }
    browser.press("Log out");
    browser.sees(".message", "Goodbye");
    stage.kill_shop(0);
    stage.restart_shop(0);
    browser.goto("/");
    browser.sees_no(".hello");
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
