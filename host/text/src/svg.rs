//! What pictures in SVG 1.1 are written with: texts that cannot become markup, boxes, and widths
//! reckoned from the number of characters, since there is no font to ask.

use std::fmt::{Display, Write as _};

use crate::harmless::is_odd;

/// Pixels of a character of the 12 px face on the average, in tenths; bold ones have 70.
const CHARACTER: usize = 64;

/// A text for an attribute or an element: markup in it is text.
#[must_use]
pub fn xml(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            c if is_odd(c) => out.push('\u{fffd}'),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// As many characters as fit into `width` pixels, an ellipsis for the others.
#[must_use]
pub fn fitting(text: &str, width: usize) -> String {
    let most = width * 10 / CHARACTER;
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// A picture while it is written.
#[derive(Debug, Default)]
pub struct Svg {
    /// Its markup so far.
    pub out: String,
}

impl Svg {
    /// A line of markup: every text of others in it went through [`xml`].
    pub fn push(&mut self, markup: impl Display) {
        let _ = writeln!(self.out, "{markup}");
    }

    /// A text whose baseline starts there.
    pub fn text(&mut self, x: usize, y: usize, class: &str, text: &str) {
        self.push(format_args!("<text x=\"{x}\" y=\"{y}\" class=\"{class}\">{}</text>", xml(text)));
    }

    /// A box with round corners: left, top, width, height.
    pub fn rect(&mut self, (x, y, width, height): (usize, usize, usize, usize), class: &str) {
        self.push(format_args!(
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"6\" class=\"{class}\"/>"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_text_and_what_turns_writing_around_is_not_shown() {
        assert_eq!(xml("<a b='\"&\u{202e}\0"), "&lt;a b=&#39;&quot;&amp;\u{fffd}\u{fffd}");
    }

    #[test]
    fn a_text_is_cut_where_its_box_ends() {
        assert_eq!(fitting("twelve chars", 77), "twelve chars");
        assert_eq!(
            fitting("twelve chars", 70),
            "twelve cha…".chars().take(9).chain(['…']).collect::<String>()
        );
        assert_eq!(fitting("ab", 0), "…");
    }
}
