//! A live shop changes its store, by configuration and rolling restarts only: no user is logged out, nothing is lost.

mod steps;

use cloakroom_browser_tests::{Browser, Stage, Window};
use steps::{add, log_in};

const JWT: &str = "jwt:?keys_env=SESSION_KEYS";
const COOKIE: &str = "encrypted-cookie:?keys_env=SESSION_KEYS";

/// All configurations on the way, from a shop's name and the URL of Redis.
fn way(shop: &str, redis: &str) -> Vec<String> {
    let memory = format!("memory:?node={shop}&drain_to={redis}");
    let mut way = vec![memory.clone(), memory, redis.to_owned()];
    for (from, to) in [(redis, JWT), (JWT, COOKIE), (COOKIE, redis)] {
        let phases = ["prepare", "move", "finish"];
        way.extend(phases.map(|phase| format!("migrating:?from={from}&to={to}&phase={phase}")));
        way.push(to.to_owned());
    }
    way
}

#[test]
fn memory_to_redis_to_jwt_to_encrypted_cookie_to_redis_with_a_full_cart() {
    let steps = way("", "").len();
    let stage = Stage::behind_haproxy(|shop, redis| way(shop, redis)[0].clone());
    let browser = stage.browser(Window::Desktop);
    let restless = stage.restless_customer();
    log_in(&browser, "Ada");
    add(&browser, "Camel overcoat");
    add(&browser, "College scarf");

    let mut scarves = 1;
    for step in 1..steps {
        for (restarted, shop) in [step % 2, (step + 1) % 2].into_iter().enumerate() {
            stage.reconfigure_shop(shop, |shop, redis| way(shop, redis)[step].clone());
            scarves = change(&browser, scarves);
            // As long as one of them may have the session in its memory, the other does not know it.
            let servers: &[usize] = if step > 1 || restarted == 1 { &[0, 1] } else { &[] };
            is_known(&stage, &browser, scarves, servers);
        }
    }
    browser.sees("#session-store", "redis");
    browser.goto("/cart");
    browser.sees("[data-item=overcoat] output", "1");
    let rounds = restless.leaves();
    assert!(rounds > 100, "{rounds} rounds are not restless");
    browser.press("Log out");
    browser.sees(".message", "Goodbye");
}

/// Makes it two scarves if there is one, and one if there are two.
#[track_caller]
fn change(browser: &Browser<'_>, scarves: u32) -> u32 {
    browser.goto("/cart");
    browser.press(["One College scarf more", "One College scarf fewer"][scarves as usize - 1]);
    let scarves = 3 - scarves;
    browser.sees("[data-item=scarf] output", &scarves.to_string());
    scarves
}

/// The browser shows the cart through HAProxy, and on each of these servers.
#[track_caller]
fn is_known(stage: &Stage, browser: &Browser<'_>, scarves: u32, servers: &[usize]) {
    let things = (1 + scarves).to_string();
    browser.goto("/");
    browser.sees(".hello", "Hello Ada");
    browser.sees("#cart-count", &things);
    for server in servers {
        browser.goto_at(&stage.shop_url(*server), "/");
        browser.sees(".hello", "Hello Ada");
        browser.sees("#cart-count", &things);
    }
}
