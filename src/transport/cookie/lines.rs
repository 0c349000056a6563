//! The `Set-Cookie` lines of a session cookie.
//!
//! Each has `Expires` beside `Max-Age`. Browsers need only the latter, but some clients know only the former, and Java's
//! `CookieManager` takes a line without it for one of RFC 2965 and answers in that form.

use std::{fmt::Write as _, time::Duration};

use super::{
    super::{
        Handout,
        http_date::http_date,
        presented::{MOST_PARTS, PARTS_MARK},
        response::{ResponseEdits, Secretive},
    },
    Cookie, SameSite,
};
use crate::time::Timestamp;

/// The longest line. Browsers count name and value only (RFC 6265bis, section 5.7), but older clients the whole line
/// (RFC 6265, section 6.1).
const LONGEST_LINE: usize = 4096;

/// Browsers keep no cookie longer (RFC 6265bis, section 5.5).
const LONGEST_MAX_AGE: Duration = Duration::from_secs(400 * 86_400);

/// When a client forgets a cookie.
#[derive(Debug, Clone, Copy)]
enum Expiry {
    WithBrowser,
    After { lasts: Duration, now: Timestamp },
    AtOnce,
}

impl Cookie {
    /// Hands out a token that lasts as long as its session can: in one cookie, or in as many as it needs. Parts of an
    /// older, longer token and the cookies that this one replaces are removed.
    pub(crate) fn hand_out(&self, handout: &Handout<'_>, edits: &mut ResponseEdits) {
        let &Handout { token, lasts, now, remembered, highest_part } = handout;
        let expiry = if self.ends_with_browser && !remembered {
            Expiry::WithBrowser
        } else {
            Expiry::After { lasts, now }
        };
        let attributes = self.attributes(expiry);
        let chunks = chunks(token.expose(), self.space_for_value(&attributes));
        let count = chunks.len();
        for (number, chunk) in chunks.into_iter().enumerate() {
            let line = match number {
                0 if count > 1 => {
                    format!("{}={count}{}{chunk}{attributes}", self.name, char::from(PARTS_MARK))
                }
                0 => format!("{}={chunk}{attributes}", self.name),
                _ => format!("{}={chunk}{attributes}", self.part_name(number)),
            };
            edits.hand_out(Secretive::cookie(line));
        }
        self.remove_parts(count, highest_part, edits);
        self.replaced.iter().for_each(|old| old.remove(highest_part, edits));
    }

    /// Removes the cookie, all parts of it, and the cookies that it replaces.
    pub(crate) fn take_back(&self, highest_part: usize, edits: &mut ResponseEdits) {
        self.remove(highest_part, edits);
        self.replaced.iter().for_each(|old| old.remove(highest_part, edits));
    }

    fn remove(&self, highest_part: usize, edits: &mut ResponseEdits) {
        edits.remove(Secretive::cookie(self.removal(&self.name)));
        self.remove_parts(1, highest_part, edits);
    }

    fn remove_parts(&self, first: usize, highest: usize, edits: &mut ResponseEdits) {
        for number in first..=highest {
            edits.remove(Secretive::cookie(self.removal(&self.part_name(number))));
        }
    }

    /// The line that removes a cookie of this name and these attributes.
    pub(super) fn removal(&self, name: &str) -> String {
        format!("{name}={}", self.attributes(Expiry::AtOnce))
    }

    /// The same in fewer bytes: without what browsers do not need in order to remove a cookie.
    pub(super) fn short_removal(&self, name: &str) -> String {
        let line = self.removal(name).replace("; HttpOnly", "");
        if self.same_site == SameSite::None {
            // In another site's frame no other line is obeyed.
            return line;
        }
        line.replace("; SameSite=Strict", "").replace("; SameSite=Lax", "")
    }

    pub(super) fn part_name(&self, number: usize) -> String {
        format!("{}-{number}", self.name)
    }

    /// The longest token that the cookie and its parts can carry, in bytes.
    pub(crate) fn longest_token(&self) -> usize {
        let lasting = self.attributes(Expiry::After { lasts: Duration::MAX, now: Timestamp::MAX });
        MOST_PARTS * (self.space_for_value(&lasting) - PARTS_PREFIX)
    }

    /// How much of a line is left for the value.
    fn space_for_value(&self, attributes: &str) -> usize {
        // The name of a part has two characters more. A cookie's parts have limits that leave some space.
        LONGEST_LINE.saturating_sub(self.name.len() + "-1=".len() + attributes.len())
    }

    fn attributes(&self, expiry: Expiry) -> String {
        let mut text = String::with_capacity(128);
        text.push_str("; Path=");
        text.push_str(&self.path);
        if let Some(domain) = &self.domain {
            text.push_str("; Domain=");
            text.push_str(domain);
        }
        expiry.push(&mut text);
        text.push_str(if self.secure { "; Secure; HttpOnly" } else { "; HttpOnly" });
        text.push_str(match self.same_site {
            SameSite::Strict => "; SameSite=Strict",
            SameSite::Lax => "; SameSite=Lax",
            SameSite::None => "; SameSite=None",
        });
        if self.partitioned {
            text.push_str("; Partitioned");
        }
        text
    }
}

impl Expiry {
    fn push(self, text: &mut String) {
        match self {
            Self::WithBrowser => {}
            Self::After { lasts, now } => {
                let lasts = whole_seconds(lasts).min(LONGEST_MAX_AGE);
                // Writing to a String cannot fail.
                let _ = write!(text, "; Max-Age={}; Expires={}", lasts.as_secs(), http_date(now + lasts));
            }
            Self::AtOnce => {
                let _ = write!(text, "; Max-Age=0; Expires={}", http_date(Timestamp::from_millis(0)));
            }
        }
    }
}

/// Rounded up: a cookie of no seconds would be a removal.
fn whole_seconds(lasts: Duration) -> Duration {
    Duration::from_secs(lasts.as_secs().saturating_add(u64::from(lasts.subsec_nanos() > 0)))
}

/// The bytes of the number of parts and its mark.
const PARTS_PREFIX: usize = 2;

/// The token in pieces that fit into a line each, the first with space for the number of pieces.
fn chunks(token: &str, space: usize) -> Vec<&str> {
    if token.len() <= space {
        return vec![token];
    }
    let space = space.saturating_sub(PARTS_PREFIX).max(1);
    // Tokens are ASCII, so every place is a boundary.
    let mut chunks = Vec::with_capacity(MOST_PARTS);
    let mut rest = token;
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(space.min(rest.len()));
        chunks.push(chunk);
        rest = after;
    }
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::Token;

    /// Sun, 06 Nov 1994 08:49:37 GMT.
    const NOW: Timestamp = Timestamp::from_millis(784_111_777_000);

    fn handed(cookie: &Cookie, token: &str, lasts: Duration, remembered: bool, part: usize) -> Vec<String> {
        let mut edits = ResponseEdits::default();
        let token = Token::new(token.into()).unwrap();
        let handout = Handout { token: &token, lasts, now: NOW, remembered, highest_part: part };
        cookie.hand_out(&handout, &mut edits);
        edits.cookies().map(str::to_owned).collect()
    }

    fn line(cookie: &Cookie, lasts: Duration) -> String {
        handed(cookie, "abc", lasts, false, 0).remove(0)
    }

    fn removed(cookie: &Cookie) -> Vec<String> {
        let mut edits = ResponseEdits::default();
        cookie.take_back(0, &mut edits);
        edits.cookies().map(str::to_owned).collect()
    }

    #[test]
    fn the_default_is_the_safest_cookie() {
        assert_eq!(
            line(&Cookie::default(), Duration::from_secs(60)),
            "__Host-session=abc; Path=/; Max-Age=60; Expires=Sun, 06 Nov 1994 08:50:37 GMT; Secure; HttpOnly; SameSite=Lax"
        );
        assert_eq!(
            removed(&Cookie::default()),
            [
                "__Host-session=; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Secure; HttpOnly; SameSite=Lax"
            ]
        );
    }

    #[test]
    fn the_relaxed_cookie_lacks_secure_and_nothing_else() {
        assert_eq!(
            line(&Cookie::insecure_for_local_development("session"), Duration::from_secs(60)),
            "session=abc; Path=/; Max-Age=60; Expires=Sun, 06 Nov 1994 08:50:37 GMT; HttpOnly; SameSite=Lax"
        );
    }

    #[test]
    fn options_appear_in_the_line() {
        let cookie = Cookie::named("id")
            .path("/app")
            .same_site(SameSite::None)
            .domain("example.com")
            .partitioned()
            .expires_with_browser();
        assert_eq!(
            line(&cookie, Duration::MAX),
            "id=abc; Path=/app; Domain=example.com; Secure; HttpOnly; SameSite=None; Partitioned"
        );
        assert!(removed(&cookie)[0].ends_with("; SameSite=None; Partitioned"), "only such a line removes it");
    }

    #[test]
    fn a_remembered_session_outlives_the_browser_though_others_do_not() {
        let cookie = Cookie::named("id").expires_with_browser();
        let day = Duration::from_secs(86_400);
        assert!(!handed(&cookie, "abc", day, false, 0)[0].contains("Expires"));
        let lasting = &handed(&cookie, "abc", day, true, 0)[0];
        assert!(lasting.contains("; Max-Age=86400; Expires=Mon, 07 Nov 1994 08:49:37 GMT;"), "{lasting}");
    }

    #[test]
    fn max_age_is_bounded_and_rounded_up() {
        for (lasts, max_age, expires) in [
            (Duration::MAX, "34560000", "Mon, 11 Dec 1995 08:49:37"),
            (Duration::from_millis(500), "1", "Sun, 06 Nov 1994 08:49:38"),
            (Duration::from_nanos(1), "1", "Sun, 06 Nov 1994 08:49:38"),
            (Duration::from_millis(1_001), "2", "Sun, 06 Nov 1994 08:49:39"),
            (Duration::from_secs(2), "2", "Sun, 06 Nov 1994 08:49:39"),
        ] {
            let line = line(&Cookie::default(), lasts);
            assert!(line.contains(&format!("; Max-Age={max_age}; Expires={expires} GMT;")), "{line}");
        }
    }

    /// Ruby's http-cookie, and whoever reads RFC 6265 section 6.1 to the letter, drops a longer line.
    #[test]
    fn a_token_takes_as_many_lines_as_it_needs_and_none_has_more_than_4096_bytes() {
        for cookie in [
            Cookie::named("id"),
            Cookie::named("i".repeat(64)).path(format!("/{}", "p".repeat(1023))).domain("d".repeat(253)),
        ] {
            let most = cookie.longest_token();
            let whole =
                cookie.space_for_value(&cookie.attributes(Expiry::After { lasts: Duration::MAX, now: NOW }));
            let part = whole - PARTS_PREFIX;
            assert_eq!(most, 9 * part);
            for (len, count) in [(whole, 1), (whole + 1, 2), (2 * part, 2), (2 * part + 1, 3), (most, 9)] {
                let lines = handed(&cookie, &"x".repeat(len), Duration::MAX, false, 0);
                assert_eq!(lines.len(), count, "{len}");
                assert!(lines.iter().all(|line| line.len() <= 4096));
                let values =
                    lines.iter().map(|line| line.split(';').next().unwrap().split_once('=').unwrap().1);
                let carried: usize = values.map(|value| value.matches('x').count()).sum();
                assert_eq!(carried, len);
            }
        }
    }

    #[test]
    fn a_shorter_token_removes_the_parts_of_a_longer_one() {
        let lines = handed(&Cookie::named("id"), "abc", Duration::from_secs(1), false, 2);
        let starts: Vec<_> = lines.iter().map(|line| line.split(';').next().unwrap()).collect();
        assert_eq!(starts, ["id-1=", "id-2=", "id=abc"]);
        assert!(lines[1].contains("Max-Age=0"));
    }

    #[test]
    fn replaced_cookies_are_removed_with_each_token_and_at_a_logout() {
        let cookie = Cookie::default()
            .replaces(Cookie::named("id").path("/app"))
            .replaces(Cookie::named("id").domain("example.com"));
        let removed_in = |lines: Vec<String>| -> Vec<String> {
            lines.iter().filter(|line| line.contains("Max-Age=0")).map(|line| line[..20].to_owned()).collect()
        };
        let old = ["id=; Path=/app; Max-", "id=; Path=/; Domain="];
        assert_eq!(removed_in(handed(&cookie, "abc", Duration::MAX, false, 0)), old);
        assert_eq!(removed_in(removed(&cookie))[1..], old);
    }
}
