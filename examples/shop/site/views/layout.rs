//! What is around every page: the head, the bar on top and the ticket at the bottom.

use super::{format::Escaped, ticket::ticket};
use crate::site::{
    assets::{icon_url, style_url},
    visit::Visit,
};

/// A whole page. The title is ours; the content is HTML already.
pub(super) fn page(title: &str, visit: &Visit, content: &str) -> String {
    let (head, bar) = (head(title), bar(title, visit));
    let (message, ticket) = (message(visit), ticket(&visit.ticket));
    format!(
        r##"<!doctype html>
<html lang="en">
{head}
<body>
<a class="skip" href="#main">Skip to the content</a>
{bar}
<main id="main">
{message}
{content}
</main>
<footer>
{ticket}
<p class="small">A demonstration: nothing is sold here, and no script runs on this page.</p>
</footer>
</body>
</html>
"##
    )
}

fn head(title: &str) -> String {
    let (style, icon) = (style_url(), icon_url());
    format!(
        r#"<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title} · Cloakroom</title>
<link rel="icon" href="{icon}" type="image/svg+xml">
<link rel="stylesheet" href="{style}">
</head>"#
    )
}

/// The page for addresses that lead nowhere.
pub(crate) fn missing(visit: &Visit) -> String {
    page(
        "An empty hook",
        visit,
        r#"<div class="empty">
<h1>An empty hook</h1>
<p>Nothing hangs at this address.</p>
<a class="button" href="/">Back to the shop</a>
</div>"#,
    )
}

/// The bar: the shop's name, where one can go, and who is logged in.
fn bar(title: &str, visit: &Visit) -> String {
    let links = [("/", "Shop"), ("/devices", "Devices"), ("/cart", "Cart")]
        .map(|(address, name)| link(address, name, title, visit.cart.count()))
        .concat();
    let account = visit.name.as_deref().map_or_else(login_form, greeting);
    format!(
        r#"<header class="bar">
<a class="brand" href="/"><svg viewBox="0 0 32 24" aria-hidden="true" focusable="false"><path d="M16 9V7.5c0-1.6 2.8-2 2.8-4.2a2.8 2.8 0 0 0-5.6-.2M16 9 3.5 18.5c-1.2.9-.6 3 1 3h23c1.6 0 2.2-2.1 1-3Z"/></svg>Cloakroom</a>
<nav aria-label="Main"><ul>{links}</ul></nav>
<div class="account">{account}</div>
</header>"#
    )
}

fn link(address: &str, name: &str, title: &str, in_cart: u32) -> String {
    let current = if name == title { r#" aria-current="page""# } else { "" };
    let badge = if name == "Cart" && in_cart > 0 { badge(in_cart) } else { String::new() };
    format!(r#"<li><a href="{address}"{current}><span>{name}</span>{badge}</a></li>"#)
}

fn badge(in_cart: u32) -> String {
    format!(r#" <span class="badge" id="cart-count">{in_cart}<span class="unseen"> in it</span></span>"#)
}

fn login_form() -> String {
    r#"<form class="login" method="post" action="/login">
<label class="unseen" for="name">Your name</label>
<input id="name" name="name" placeholder="Your name" autocomplete="username" maxlength="40" required>
<button>Log in</button>
</form>"#
        .to_owned()
}

/// The greeting takes the place of the login button, and the logout button is elsewhere: the second half of a double
/// click on "Log in" may land on the next page, and must not log out.
fn greeting(name: &str) -> String {
    let name = Escaped(name);
    format!(
        r#"<p class="hello">Hello <bdi>{name}</bdi></p>
<form method="post" action="/logout"><button class="quiet">Log out</button></form>"#
    )
}

/// The message of the request before, if it left one.
fn message(visit: &Visit) -> String {
    visit.message.as_deref().map_or_else(String::new, |message| {
        format!(r#"<p class="message" role="status">{}</p>"#, Escaped(message))
    })
}
