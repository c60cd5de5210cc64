//! Text of an element on its way to a terminal or a log.

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
            c if Check::TerminalCodes.holds() && (c.is_control() || turns_text(c)) => {
                safe.extend(c.escape_unicode());
            }
            c => safe.push(c),
        }
    }
    safe
}

/// Bidirectional overrides and isolates, and the separators some terminals break lines at.
fn turns_text(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
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
}
