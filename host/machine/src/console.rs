//! What a console or program said, made fit for an error message.

/// The last `count` lines of a text without terminal escapes and carriage returns.
#[must_use]
pub fn tail(text: &str, count: usize) -> String {
    let plain = plain(text);
    let lines: Vec<&str> = plain.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// The text without escape sequences (`ESC [ … letter`, `ESC` and one more) and control bytes.
#[must_use]
pub fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match char {
            '\u{1b}' => {
                if chars.next() == Some('[') {
                    chars.by_ref().find(|c| ('@'..='~').contains(c));
                }
            }
            '\n' | '\t' => plain.push(char),
            c if c.is_control() => {}
            c => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_carriage_returns_go_text_stays() {
        assert_eq!(plain("\u{1b}[0;32m  OK  \u{1b}[0m] Started\r\n\u{1b}cx"), "  OK  ] Started\nx");
    }

    #[test]
    fn the_tail_is_the_last_lines() {
        assert_eq!(tail("a\nb\nc\n", 2), "b\nc");
        assert_eq!(tail("a", 5), "a");
    }
}
