//! From the text of a Rust file to its words: no comments, no strings, nothing that only a test
//! build has.

/// An identifier, `::`, or one other character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) text: String,
    /// From 1.
    pub(crate) line: usize,
}

impl Word {
    pub(crate) fn is(&self, text: &str) -> bool {
        self.text == text
    }

    pub(crate) fn is_name(&self) -> bool {
        self.text.starts_with(|c: char| c.is_alphabetic() || c == '_')
    }
}

/// The words of a file that are there in every build.
pub(crate) fn words(text: &str) -> Vec<Word> {
    without_tests(&all_words(text))
}

fn all_words(text: &str) -> Vec<Word> {
    let chars: Vec<char> = text.chars().collect();
    let mut words = Vec::new();
    let (mut at, mut line) = (0, 1);
    while let Some(c) = chars.get(at).copied() {
        let begun = at;
        let next = chars.get(at + 1).copied();
        match c {
            '/' if next == Some('/') => at = to_end_of_line(&chars, at),
            '/' if next == Some('*') => at = after_comment(&chars, at),
            '"' => at = after_string(&chars, at),
            '\'' => at = after_quote(&chars, at),
            _ if c.is_alphabetic() || c == '_' => {
                let end = name_end(&chars, at);
                let name: String = chars[at..end].iter().collect();
                if let Some(after) = after_prefixed(&chars, &name, end) {
                    at = after;
                } else if name == "r" && chars.get(end) == Some(&'#') {
                    // `r#type`: a name that is a keyword elsewhere.
                    let after = name_end(&chars, end + 1);
                    words.push(Word { text: chars[end + 1..after].iter().collect(), line });
                    at = after;
                } else {
                    words.push(Word { text: name, line });
                    at = end;
                }
            }
            ':' if next == Some(':') => {
                words.push(Word { text: "::".to_owned(), line });
                at += 2;
            }
            _ if c.is_whitespace() => at += 1,
            _ => {
                words.push(Word { text: c.to_string(), line });
                at += 1;
            }
        }
        at = at.min(chars.len());
        line += chars[begun..at].iter().filter(|c| **c == '\n').count();
    }
    words
}

fn name_end(chars: &[char], from: usize) -> usize {
    let more = |c: &&char| c.is_alphanumeric() || **c == '_';
    from + chars[from..].iter().take_while(more).count()
}

fn to_end_of_line(chars: &[char], from: usize) -> usize {
    from + chars[from..].iter().take_while(|c| **c != '\n').count()
}

/// Comments stand in one another.
fn after_comment(chars: &[char], from: usize) -> usize {
    let (mut at, mut depth) = (from + 2, 1);
    while depth > 0 && at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (at, depth) = (at + 2, depth + 1),
            ('*', Some('/')) => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
    }
    at
}

fn after_string(chars: &[char], from: usize) -> usize {
    let mut at = from + 1;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

/// A character, or a lifetime.
fn after_quote(chars: &[char], from: usize) -> usize {
    match (chars.get(from + 1), chars.get(from + 2)) {
        (Some('\\'), _) => {
            let rest = chars.iter().skip(from + 3);
            from + 4 + rest.take_while(|c| **c != '\'').count()
        }
        (Some(_), Some('\'')) => from + 3,
        _ => from + 1,
    }
}

/// What comes after a string that a prefix begins: `b"…"`, `r#"…"#`, `c"…"`, `b'x'`.
fn after_prefixed(chars: &[char], prefix: &str, at: usize) -> Option<usize> {
    let raw = matches!(prefix, "r" | "br" | "cr");
    let hashes = chars[at..].iter().take_while(|c| **c == '#').count();
    match chars.get(at + hashes)? {
        '"' if raw => {
            let mut end = at + hashes + 1;
            let closes = |end: usize| {
                chars[end] == '"'
                    && chars[end + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes
            };
            while end < chars.len() && !closes(end) {
                end += 1;
            }
            Some(end + 1 + hashes)
        }
        '"' if hashes == 0 && matches!(prefix, "b" | "c") => Some(after_string(chars, at)),
        '\'' if hashes == 0 && prefix == "b" => Some(after_quote(chars, at)),
        _ => None,
    }
}

/// Leaves out every item under `#[cfg(test)]`, and all of a file under `#![cfg(test)]`.
fn without_tests(words: &[Word]) -> Vec<Word> {
    let mut kept = Vec::new();
    let mut at = 0;
    while at < words.len() {
        match attribute(words, at) {
            Some((_, true)) if words[at + 1].is("!") => return Vec::new(),
            Some((end, true)) => at = item_end(words, end),
            Some((end, false)) => {
                kept.extend_from_slice(&words[at..end]);
                at = end;
            }
            None => {
                kept.push(words[at].clone());
                at += 1;
            }
        }
    }
    kept
}

/// Where the attribute that begins here ends, and whether it is `cfg(test)` or `cfg(all(test, …))`.
fn attribute(words: &[Word], at: usize) -> Option<(usize, bool)> {
    let open = match (words.get(at)?, words.get(at + 1)?, words.get(at + 2)) {
        (hash, open, _) if hash.is("#") && open.is("[") => at + 1,
        (hash, bang, Some(open)) if hash.is("#") && bang.is("!") && open.is("[") => at + 2,
        _ => return None,
    };
    let end = closing(words, open) + 1;
    let inside: Vec<&str> = words[open + 1..end - 1].iter().map(|w| w.text.as_str()).collect();
    let test = inside == ["cfg", "(", "test", ")"]
        || inside.starts_with(&["cfg", "(", "all", "(", "test", ","]);
    Some((end, test))
}

/// The place of the bracket that closes the one at `open`; the last word where none does.
fn closing(words: &[Word], open: usize) -> usize {
    let mut depth = 0_i32;
    for (at, word) in words.iter().enumerate().skip(open) {
        depth += step(word);
        if depth == 0 {
            return at;
        }
    }
    words.len() - 1
}

/// How much deeper a word leads.
pub(crate) fn step(word: &Word) -> i32 {
    match word.text.as_str() {
        "(" | "[" | "{" => 1,
        ")" | "]" | "}" => -1,
        _ => 0,
    }
}

/// Where the item ends that begins here, with further attributes perhaps.
fn item_end(words: &[Word], from: usize) -> usize {
    const ITEMS: [&str; 15] = [
        "pub",
        "fn",
        "struct",
        "enum",
        "impl",
        "mod",
        "trait",
        "unsafe",
        "async",
        "extern",
        "macro_rules",
        "use",
        "const",
        "static",
        "type",
    ];
    let mut at = from;
    while let Some((end, _)) = attribute(words, at) {
        at = end;
    }
    let is_item = words.get(at).is_some_and(|w| ITEMS.contains(&w.text.as_str()));
    // These end with `;`, whatever braces are in them.
    let mut head = words[at..].iter().take_while(|w| !w.is("{") && !w.is(";"));
    let ends_at_brace = !head.any(|w| ["use", "static", "type"].contains(&w.text.as_str()));
    let mut depth = 0;
    while let Some(word) = words.get(at) {
        let closes = step(word) < 0;
        if closes && depth == 0 {
            // A field or an arm at the end of its list.
            return at;
        }
        depth += step(word);
        let done = match word.text.as_str() {
            ";" => depth == 0,
            "," => depth == 0 && !is_item,
            "}" => depth == 0 && ends_at_brace,
            _ => false,
        };
        at += 1;
        if done {
            return at;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(text: &str) -> String {
        words(text).iter().map(|w| w.text.as_str()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn comments_strings_and_characters_are_no_words() {
        let text = r##"a /* b /* c */ d */ e // f
            "g \" h" 'i' '\'' '\u{6a}' b'k' b"l" r#"m " n"# c"o" p::q r#type <'s> t"##;
        assert_eq!(joined(text), "a e p :: q type < s > t");
    }

    #[test]
    fn lines_are_counted_through_strings_and_comments() {
        let last = words("\"a\n\nb\" /*\n*/ // x\nlast").pop().unwrap();
        assert_eq!((last.text.as_str(), last.line), ("last", 5));
    }

    #[test]
    fn what_only_a_test_build_has_is_left_out() {
        let text = "use a; #[cfg(test)] #[allow(x)] mod tests { use b; fn c() { d } } use e;
            #[cfg(test)] mod tests; #[cfg(test)] use f::{g, h}; #[cfg(not(test))] use i;
            #[cfg(test)] pub(crate) fn j<K, L>() -> M { n } struct O { #[cfg(test)] p: Q, r: S }";
        assert_eq!(
            joined(text),
            "use a ; use e ; # [ cfg ( not ( test ) ) ] use i ; struct O { r : S }"
        );
        assert_eq!(joined("#![cfg(test)] use a;"), "");
    }
}
