//! The files that browsers may keep.

/// The style sheet.
pub(crate) const STYLE: &str = include_str!("style.css");

/// The icon of the browser's tab.
pub(crate) const ICON: &str = include_str!("art/icon.svg");

/// What both are sent with: they may be kept for a year, since the address changes whenever the content does.
pub(crate) const CACHE_CONTROL: &str = "public, max-age=31536000, immutable";

/// The address of the style sheet in its present state.
pub(crate) fn style_url() -> String {
    const FINGERPRINT: u64 = fingerprint(STYLE.as_bytes());
    format!("/style.css?v={FINGERPRINT:x}")
}

/// The address of the icon in its present state.
pub(crate) fn icon_url() -> String {
    const FINGERPRINT: u64 = fingerprint(ICON.as_bytes());
    format!("/icon.svg?v={FINGERPRINT:x}")
}

/// FNV-1a, worked out by the compiler. It tells two versions of our own files apart, no more.
const fn fingerprint(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325;
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01b3);
        at += 1;
    }
    hash
}
