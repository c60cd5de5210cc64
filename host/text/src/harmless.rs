//! Text of others on its way to a terminal, a log or a picture.

use std::borrow::Cow;
use std::fmt::Write as _;

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

/// Text of the program on its way to a terminal, whoever's words are in it: its own line ends and
/// tabs stay, all else that a terminal would obey becomes visible.
#[must_use]
pub fn for_terminal(text: &str) -> Cow<'_, str> {
    escaped(text, |c, safe| safe.extend(c.escape_unicode()))
}

/// The same of JSON, which says the same as before: only its strings have such characters.
#[must_use]
pub fn json_for_terminal(json: &str) -> Cow<'_, str> {
    escaped(json, |c, safe| {
        for unit in c.encode_utf16(&mut [0; 2]) {
            let _ = write!(safe, "\\u{unit:04x}");
        }
    })
}

fn escaped(text: &str, escape: impl Fn(char, &mut String)) -> Cow<'_, str> {
    let obeyed = |c: char| is_odd(c) && !matches!(c, '\n' | '\t');
    if !text.contains(obeyed) || !Check::TerminalCodes.holds() {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if obeyed(c) { escape(c, &mut safe) } else { safe.push(c) }
    }
    Cow::Owned(safe)
}

/// Whether a terminal or a viewer would obey a character instead of showing it: controls, those that
/// show nothing, bidirectional marks, overrides and isolates, the separators some terminals break
/// lines at, and what is no character at all.
pub(crate) fn is_odd(c: char) -> bool {
    c.is_control()
        // Bidirectional, joiners, and the formatting ones that nobody uses any more.
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{fff9}'..='\u{fffb}' | '\u{180e}')
        // Soft hyphen, joiner of graphemes, and fillers, which are blank letters.
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}')
        || matches!(c, '\u{3164}' | '\u{ffa0}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
        // Tags, and what is kept for more of their kind.
        || matches!(c, '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether a character could make a name read as another one: what is obeyed instead of shown, and
/// variation selectors, which an emoji of a log may have and a name has not.
#[must_use]
pub fn is_hidden(c: char) -> bool {
    is_odd(c) || matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{180b}'..='\u{180f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escape_sequence_is_shown_and_not_obeyed() {
        assert_eq!(harmless("a\x1b[2Jb\u{202e}c\r", 100), "a\\u{1b}[2Jb\\u{202e}c\\u{d}");
    }

    #[test]
    fn what_shows_nothing_or_turns_text_around_is_shown_as_its_number() {
        for c in
            "\u{9b}\u{ad}\u{61c}\u{202e}\u{2060}\u{2069}\u{206a}\u{3164}\u{feff}\u{e0041}".chars()
        {
            assert_eq!(harmless(&c.to_string(), 100), c.escape_unicode().to_string());
            assert!(is_hidden(c));
        }
        for c in "aä語\u{5d0}\u{627}\u{1f600}-*@ ".chars() {
            assert!(!is_odd(c) && !is_hidden(c), "{c}");
        }
        assert!(!is_odd('\u{fe0f}') && is_hidden('\u{fe0f}'));
    }

    #[test]
    fn what_meets_the_terminal_keeps_our_lines_and_nothing_else() {
        let text = "a\tb\n\u{1b}[2J\u{9b}x\u{7}\u{202e}y\r\u{e0041}";
        assert_eq!(for_terminal(text), "a\tb\n\\u{1b}[2J\\u{9b}x\\u{7}\\u{202e}y\\u{d}\\u{e0041}");
        assert!(matches!(for_terminal("plain\n"), Cow::Borrowed(_)));
        let json = "{\"a\": \"\u{9b}x\u{202e}\u{e0041}\"}\n";
        assert_eq!(json_for_terminal(json), "{\"a\": \"\\u009bx\\u202e\\udb40\\udc41\"}\n");
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
