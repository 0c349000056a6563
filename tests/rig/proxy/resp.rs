//! Where one message of Redis's protocol ends and the next begins, for both of its versions.
//!
//! Nothing is decoded beyond that: the proxy passes on the bytes that came.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// A message that is none. The connection it came on is of no more use.
#[derive(Debug, PartialEq)]
pub(crate) struct Malformed;

/// How long the message at the beginning of `bytes` is, with all it contains; `None` while its end is missing.
pub(crate) fn message_len(bytes: &[u8]) -> Result<Option<usize>, Malformed> {
    let (mut len, mut missing) = (0, 1_usize);
    while missing > 0 {
        let Some(element) = Element::at(&bytes[len..])? else { return Ok(None) };
        len += element.len;
        missing = (missing - 1).checked_add(element.children).ok_or(Malformed)?;
    }
    Ok(Some(len))
}

/// Whether a message is one that the server sends without having been asked.
pub(crate) fn is_push(message: &[u8]) -> bool {
    message.first() == Some(&b'>')
}

/// The first words of a request: the command, and perhaps what belongs to its name.
pub(crate) fn words(request: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = match Element::at(request) {
        Ok(Some(header)) if header.kind == b'*' => &request[header.len..],
        _ => &[],
    };
    std::iter::from_fn(move || {
        let word = Element::at(rest).ok()??;
        let (bytes, after) = rest.split_at(word.len);
        rest = after;
        bytes.get(word.header..word.len.checked_sub(2)?)
    })
}

/// A line with what is counted in it: the bytes of a string, or the messages that follow as parts of an array or a map.
struct Element {
    kind: u8,
    /// The bytes of the first line.
    header: usize,
    /// All of its bytes, without its children's.
    len: usize,
    children: usize,
}

impl Element {
    fn at(bytes: &[u8]) -> Result<Option<Self>, Malformed> {
        let Some(end) = bytes.windows(2).position(|pair| pair == b"\r\n") else { return Ok(None) };
        let (kind, rest) = bytes[..end].split_first().ok_or(Malformed)?;
        let header = end + 2;
        let leaf = Self { kind: *kind, header, len: header, children: 0 };
        Ok(match kind {
            b'+' | b'-' | b':' | b'_' | b'#' | b',' | b'(' => Some(leaf),
            b'$' | b'=' | b'!' => match count(rest)? {
                None => Some(leaf),
                Some(string) => {
                    let len =
                        header.checked_add(string).and_then(|len| len.checked_add(2)).ok_or(Malformed)?;
                    (len <= bytes.len()).then_some(Self { len, ..leaf })
                }
            },
            b'*' | b'~' | b'>' => Some(Self { children: count(rest)?.unwrap_or(0), ..leaf }),
            b'%' => Some(Self { children: pairs(rest)?, ..leaf }),
            // Attributes are followed by the message they are about.
            b'|' => Some(Self { children: pairs(rest)?.checked_add(1).ok_or(Malformed)?, ..leaf }),
            _ => return Err(Malformed),
        })
    }
}

fn pairs(digits: &[u8]) -> Result<usize, Malformed> {
    count(digits)?.unwrap_or(0).checked_mul(2).ok_or(Malformed)
}

/// A count; none for `-1`, as the old protocol says null.
fn count(digits: &[u8]) -> Result<Option<usize>, Malformed> {
    if digits == b"-1" {
        return Ok(None);
    }
    let digits = std::str::from_utf8(digits).map_err(|_| Malformed)?;
    digits.parse().map(Some).map_err(|_| Malformed)
}

/// Reads one message after the other.
#[derive(Debug)]
pub(super) struct Messages<R> {
    from: R,
    buffer: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Messages<R> {
    pub(super) fn new(from: R) -> Self {
        Self { from, buffer: Vec::new() }
    }

    /// The next message; `None` at the end. Dropped while it waits, it loses nothing.
    pub(super) async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            let len = message_len(&self.buffer).map_err(|Malformed| io::ErrorKind::InvalidData)?;
            if let Some(len) = len {
                return Ok(Some(self.buffer.drain(..len).collect()));
            }
            if self.from.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
    }

    /// What was read already, and where the rest comes from.
    pub(super) fn into_parts(self) -> (Vec<u8>, R) {
        (self.buffer, self.from)
    }
}
