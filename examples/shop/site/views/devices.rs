//! The devices page: where the customer is logged in, and how to end these sessions.

use super::{format::instant, layout::page};
use crate::site::{
    devices::{Device, Devices},
    visit::Visit,
};

pub(crate) fn devices(visit: &Visit, devices: &Devices) -> String {
    let content = match devices {
        Devices::LoggedOut => {
            notice("Log in above, and this page lists every browser that is logged in as you.")
        }
        Devices::Unlisted => notice(
            "Your session is stored in your browser only, so other devices cannot be shown or signed out from \
             here. You can still log out in each browser, and a session expires when it is not used.",
        ),
        Devices::Listed(all) => list(all),
    };
    page("Devices", visit, &format!("<h1>Your devices</h1>\n{content}"))
}

fn notice(text: &str) -> String {
    format!(r#"<p class="notice">{text}</p>"#)
}

fn list(all: &[Device]) -> String {
    let rows: String = all.iter().map(device).collect();
    let end_others = if all.iter().any(|device| !device.is_this) { END_OTHERS } else { "" };
    format!("<ul class=\"devices\">\n{rows}</ul>\n{end_others}")
}

const END_OTHERS: &str = r#"<form method="post" action="/devices/end-others">
<button class="danger">Sign out all other devices</button>
</form>"#;

fn device(device: &Device) -> String {
    let (created, active) = (instant(device.created_at), instant(device.last_active));
    let id = &device.id;
    let short = id.get(..8).unwrap_or(id);
    let action =
        if device.is_this { r#"<p class="this">This device</p>"#.to_owned() } else { end_button(id, short) };
    format!(
        r#"<li class="device">
<div><h2>Session <code>{short}</code></h2>
<p class="note">Since {created}</p>
<p class="note">Last active {active}</p></div>
{action}
</li>
"#
    )
}

fn end_button(id: &str, short: &str) -> String {
    format!(
        r#"<form method="post" action="/devices/end">
<input type="hidden" name="id" value="{id}">
<button class="quiet" aria-label="Sign out session {short}">Sign out</button>
</form>"#
    )
}
