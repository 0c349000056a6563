//! Dates as HTTP headers have them (RFC 9110, section 5.6.7).

use time::OffsetDateTime;

use crate::time::Timestamp;

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A date like `Sun, 06 Nov 1994 08:49:37 GMT`. What is before 1970 becomes its beginning: browsers read no date before
/// 1601, and all that is past means the same.
pub(super) fn http_date(at: Timestamp) -> String {
    let date = OffsetDateTime::from(at.max(Timestamp::from_millis(0)));
    let day = DAYS[usize::from(date.weekday().number_days_from_monday())];
    let month = MONTHS[usize::from(u8::from(date.month()) - 1)];
    let (hour, minute, second) = date.to_hms();
    format!("{day}, {:02} {month} {:04} {hour:02}:{minute:02}:{second:02} GMT", date.day(), date.year())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_written_as_the_standard_has_it() {
        assert_eq!(http_date(Timestamp::from_millis(784_111_777_999)), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(http_date(Timestamp::from_millis(1_709_164_800_000)), "Thu, 29 Feb 2024 00:00:00 GMT");
    }

    #[test]
    fn the_ends_of_time_are_dates_too() {
        assert_eq!(http_date(Timestamp::MIN), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(http_date(Timestamp::MAX), "Fri, 31 Dec 9999 23:59:59 GMT");
    }
}
