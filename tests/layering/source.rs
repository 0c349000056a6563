//! Reads one source file as text: the paths in it, and their lines.
//!
//! It follows `use` (nested, renamed, re-exported) and paths written out in the code, and ignores comments, literals
//! and unit tests. It cannot see into macros, which is fine for a crate that has none.

pub(crate) struct File {
    /// Below `src`: `store/mod.rs`.
    pub(crate) path: String,
    /// `store`; empty for the root.
    pub(crate) module: String,
    pub(crate) code: String,
    pub(crate) mentions: Vec<Mention>,
}

/// A path in the code.
pub(crate) struct Mention {
    pub(crate) line: usize,
    pub(crate) segments: Vec<String>,
    /// The modules within the file that it is in.
    pub(crate) within: Vec<String>,
    pub(crate) import: Option<Import>,
}

pub(crate) struct Import {
    pub(crate) name: String,
    pub(crate) public: bool,
}

impl File {
    pub(crate) fn read(path: String, source: &str) -> Self {
        let stem = path.trim_end_matches(".rs");
        let stem = if stem == "lib" { "" } else { stem.trim_end_matches("/mod") };
        let code = code(source);
        let mentions = Reader::new(&code).mentions();
        Self { module: stem.replace('/', "::"), path, code, mentions }
    }
}

impl Mention {
    pub(crate) fn says(&self, word: &str) -> bool {
        let path = self.segments.join("::");
        format!("::{path}::").contains(&format!("::{}::", word.trim_start_matches("::")))
            && (!word.starts_with("::") || self.segments[0] == word[2..])
    }
}

/// The source without its unit tests, with comments and literals blanked. Lines keep their numbers.
fn code(source: &str) -> String {
    let source = source.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or(source);
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let blank = no_code(rest).unwrap_or(0);
        code.extend(rest[..blank].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        rest = &rest[blank..];
        if blank == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    code
}

/// The length of the comment or the literal that `text` begins with.
fn no_code(text: &str) -> Option<usize> {
    let until =
        |from: usize, end: &str| text[from..].find(end).map_or(text.len(), |at| from + at + end.len());
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    if text.starts_with("/*") {
        return Some(until(2, "*/"));
    }
    // No name can end right before a quote, so this `r` begins a raw string, or ends the prefix of one.
    if let Some(raw) = text.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            return Some(until(hashes + 2, &format!("\"{}", "#".repeat(hashes))));
        }
    }
    match text.as_bytes() {
        [b'"', ..] => Some(until_unescaped(text, '"')),
        [b'\'', b'\\', ..] => Some(until_unescaped(text, '\'')),
        // A lifetime has no closing quote.
        [b'\'', ..] => text.char_indices().nth(2).filter(|(_, c)| *c == '\'').map(|(at, _)| at + 1),
        _ => None,
    }
}

fn until_unescaped(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if c == quote && !escaped {
            return at + 1;
        }
        escaped = c == '\\' && !escaped;
    }
    text.len()
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// A word, a `::`, or any other single character.
pub(crate) struct Token<'a> {
    pub(crate) text: &'a str,
    pub(crate) line: usize,
}

pub(crate) fn tokens(code: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    for (line, mut rest) in (1..).zip(code.lines()) {
        while let Some(first) = rest.chars().next() {
            let len = match first {
                ':' if rest.starts_with("::") => 2,
                first if is_word(first) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
                first => first.len_utf8(),
            };
            if !first.is_whitespace() {
                tokens.push(Token { text: &rest[..len], line });
            }
            rest = &rest[len..];
        }
    }
    tokens
}

/// Reads the paths out of a file's tokens.
struct Reader<'a> {
    tokens: Vec<Token<'a>>,
    at: usize,
    depth: usize,
    /// The modules that are open, and how deep they began.
    within: Vec<(&'a str, usize)>,
    mentions: Vec<Mention>,
}

impl<'a> Reader<'a> {
    fn new(code: &'a str) -> Self {
        Self { tokens: tokens(code), at: 0, depth: 0, within: Vec::new(), mentions: Vec::new() }
    }

    fn mentions(mut self) -> Vec<Mention> {
        while self.at < self.tokens.len() {
            let before = self.at.checked_sub(1).map_or("", |at| self.tokens[at].text);
            match (self.text(0), self.text(1), self.text(2)) {
                ("mod", name, "{") => self.within.push((name, self.depth)),
                ("{", ..) => self.depth += 1,
                ("}", ..) => {
                    self.depth = self.depth.saturating_sub(1);
                    self.within.pop_if(|(_, began)| *began == self.depth);
                }
                // `pub use` or `pub(crate) use`; `use<'a>` is a bound.
                ("use", next, _) if next != "<" => {
                    self.at += 1;
                    self.use_tree(&[], matches!(before, "pub" | ")"));
                    continue;
                }
                (word, "::", _) if before != "::" && word.starts_with(is_word) => {
                    self.path();
                    continue;
                }
                _ => {}
            }
            self.at += 1;
        }
        self.mentions
    }

    fn text(&self, ahead: usize) -> &'a str {
        self.tokens.get(self.at + ahead).map_or("", |token| token.text)
    }

    /// A path in the code: `crate::hex::parse`.
    fn path(&mut self) {
        let mut segments = vec![self.text(0)];
        while self.text(1) == "::" && self.text(2).starts_with(is_word) {
            self.at += 2;
            segments.push(self.text(0));
        }
        self.note(&segments, None);
        self.at += 1;
    }

    /// What follows `use`, or a part of it within braces.
    fn use_tree(&mut self, front: &[&'a str], public: bool) {
        let mut segments = front.to_vec();
        loop {
            match self.text(0) {
                "{" => {
                    self.at += 1;
                    while !matches!(self.text(0), "}" | "") {
                        self.use_tree(&segments, public);
                        self.at += usize::from(self.text(0) == ",");
                    }
                    self.at += 1;
                    return;
                }
                "::" => {}
                segment => segments.push(segment),
            }
            self.at += 1;
            if matches!(self.text(0), "," | "}" | ";" | "as" | "") {
                break;
            }
        }
        let itself = segments.len().saturating_sub(if segments.last() == Some(&"self") { 2 } else { 1 });
        let mut name = segments[itself];
        if self.text(0) == "as" {
            name = self.text(1);
            self.at += 2;
        }
        self.note(&segments, Some(Import { name: name.to_owned(), public }));
    }

    fn note(&mut self, segments: &[&str], import: Option<Import>) {
        self.mentions.push(Mention {
            line: self.tokens[self.at.min(self.tokens.len() - 1)].line,
            segments: segments.iter().map(ToString::to_string).collect(),
            within: self.within.iter().map(|(name, _)| (*name).to_owned()).collect(),
            import,
        });
    }
}
