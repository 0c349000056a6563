//! How deep a JSON text is nested.

use memchr::memchr_iter;

/// Whether the objects and arrays of a valid text are nested at most so deep.
///
/// `serde_json` has no such limit for what it writes, nor for values that it keeps as text.
pub(crate) fn is_nested_at_most(deepest: usize, text: &[u8]) -> bool {
    // Most texts have fewer brackets than that, and counting bytes takes less time than looking for strings.
    let brackets = memchr_iter(b'{', text).count() + memchr_iter(b'[', text).count();
    brackets <= deepest || depth(text) <= deepest
}

/// How deep the objects and arrays of a valid text are nested.
fn depth(text: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_string) = (0_usize, 0, false);
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => in_string = !in_string,
            // The next byte is escaped.
            b'\\' => drop(bytes.next()),
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}
