//! Text of others on its way to a terminal, a log or a picture.

use dibhost_check::Check;

/// Makes control characters, and those that turn the direction of text, visible; cuts at
/// `limit` bytes and says so.
#[must_use]
pub fn harmless(text: &str, limit: usize) -> String {
    let mut safe = String::with_capacity(text.len().min(limit));
    for c in text.chars() {
        if safe.len() >= limit {
            safe.push_str("… (cut)");
            break;
        }
        match c {
            '\t' => safe.push(' '),
            c if Check::TerminalCodes.holds() && is_odd(c) => safe.extend(c.escape_unicode()),
            c => safe.push(c),
        }
    }
    safe
}

/// A line of an element or of a program, however long, without its line end.
#[must_use]
pub fn harmless_line(text: &str) -> String {
    harmless(text.trim_end_matches(['\r', '\n']), usize::MAX)
}

/// Whether a terminal or a viewer would obey a character instead of showing it: controls, those that
/// show nothing, bidirectional marks, overrides and isolates, the separators some terminals break
/// lines at, and what is no character at all.
pub(crate) fn is_odd(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || matches!(c, '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escape_sequence_is_shown_and_not_obeyed() {
        assert_eq!(harmless("a\x1b[2Jb\u{202e}c\r", 100), "a\\u{1b}[2Jb\\u{202e}c\\u{d}");
    }

    #[test]
    fn a_long_line_is_cut() {
        assert_eq!(harmless("äääää", 4), "ää… (cut)");
    }

    #[test]
    fn a_line_ends_without_its_line_end() {
        assert_eq!(harmless_line("a\tb\u{1b}\r\n"), "a b\\u{1b}");
    }
}
