//! Signs that are missing, so that it is TOML no more.

use super::super::Kind;
use super::super::lines::{Line, Part};
use super::{Candidates, Text};

impl Candidates<'_> {
    pub(super) fn damaged(&mut self, text: &Text<'_>) {
        for line in &text.lines {
            let signs: &[char] = match line.part {
                Part::Head => &['[', ']'],
                Part::ListHead => &['['],
                // The list of several lines that begins there is none without its bracket, and each
                // of its lines is as wrong.
                Part::Entry if line.goes_on() => &['='],
                Part::Entry => &['"', '[', ']', '{', '}', '=', ','],
                Part::Item => &['"', ','],
                Part::Other => continue,
            };
            for sign in signs {
                self.without(text, line, *sign);
            }
        }
    }

    /// The first of these signs is missing, or the last one.
    fn without(&mut self, text: &Text<'_>, line: &Line<'_>, sign: char) {
        let part = &line.text[..line.value_range().end];
        let item = line.part == Part::Item;
        let followed = text.lines.get(line.number).is_some_and(|next| next.part == Part::Item);
        for at in [part.find(sign), part.rfind(sign)].into_iter().flatten() {
            // Signs within a text are part of it; no text of the samples has a quote in it.
            let within = sign != '"' && part[..at].matches('"').count() % 2 == 1;
            // A list may end with a comma, or without one.
            if within || item && sign == ',' && !followed {
                continue;
            }
            let said = format!("{}{}", &line.text[..at], &line.text[at + sign.len_utf8()..]);
            // Each sign as often as another, whatever table it is in.
            let first = part.find(sign) == Some(at);
            let subject = format!("{sign} {first} {:?}", line.part);
            self.edit(Kind::Syntax, text, (line, subject), &said, None);
        }
    }
}
