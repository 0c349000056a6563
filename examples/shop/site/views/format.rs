//! How texts, times and sizes are written.

use std::{
    fmt::{self, Write as _},
    time::Duration,
};

use time::{OffsetDateTime, format_description::well_known::Rfc3339, macros::format_description};

/// Text that a visitor entered, escaped for HTML text and quoted attributes.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                _ => f.write_char(character)?,
            }
        }
        Ok(())
    }
}

/// A point in time, for people and for machines: `<time>20 Nov 2026, 18:31 UTC</time>`.
pub(super) fn instant(at: OffsetDateTime) -> String {
    let words = format_description!("[day padding:none] [month repr:short] [year], [hour]:[minute] UTC");
    match (at.format(&Rfc3339), at.format(&words)) {
        (Ok(machine), Ok(human)) => format!(r#"<time datetime="{machine}">{human}</time>"#),
        _ => "in the far future".to_owned(),
    }
}

/// A length of time in its largest whole unit: `30 minutes`.
pub(super) fn duration(length: Duration) -> String {
    let seconds = length.as_secs();
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
    let whole = units.into_iter().find(|(unit, _)| seconds >= *unit && seconds.is_multiple_of(*unit));
    let (unit, name) = whole.unwrap_or((1, "second"));
    count(seconds / unit, name)
}

/// A number of things: `1 byte`, `64 bytes`.
pub(super) fn count(number: u64, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{plural}")
}
