//! What a program says: told line by line, the end of it kept.

use crate::Line;

/// A longer line is told up to here; a person could not read it, and a hostile program gains
/// nothing by never ending one.
const LINE_MAX: usize = 8 << 10;

/// Kept of a program whose output nobody asked for: enough for an error.
const TAIL: usize = 16 << 10;

/// Kept of a program whose output was asked for.
pub(crate) const CAPTURE_MAX: usize = 16 << 20;

/// One of the two outputs of a program.
#[derive(Debug)]
pub(crate) struct Lines {
    error: bool,
    line: Vec<u8>,
    cut: bool,
    kept: Vec<u8>,
    keep: usize,
}

impl Lines {
    pub(crate) fn new(error: bool, capture: bool) -> Self {
        let keep = if capture { CAPTURE_MAX } else { TAIL };
        Self { error, line: Vec::new(), cut: false, kept: Vec::new(), keep }
    }

    /// Takes what was read and tells the lines that are complete.
    pub(crate) fn take(&mut self, mut bytes: &[u8], tell: &mut dyn FnMut(Line)) {
        self.kept.extend_from_slice(bytes);
        // Cut only now and then, so that keeping the end costs no copy for each piece.
        if self.kept.len() > 2 * self.keep {
            self.kept.drain(..self.kept.len() - self.keep);
        }
        while let Some(end) = bytes.iter().position(|b| *b == b'\n') {
            self.add(&bytes[..end]);
            self.tell(tell);
            bytes = &bytes[end + 1..];
        }
        self.add(bytes);
    }

    fn add(&mut self, bytes: &[u8]) {
        let room = LINE_MAX.saturating_sub(self.line.len());
        self.cut |= bytes.len() > room;
        self.line.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn tell(&mut self, tell: &mut dyn FnMut(Line)) {
        let mut text = String::from_utf8_lossy(&self.line).into_owned();
        if std::mem::take(&mut self.cut) {
            text.push('…');
        }
        self.line.clear();
        tell(Line { error: self.error, text });
    }

    /// The last line may have no newline.
    pub(crate) fn finish(mut self, tell: &mut dyn FnMut(Line)) -> Vec<u8> {
        if !self.line.is_empty() {
            self.tell(tell);
        }
        self.kept.drain(..self.kept.len().saturating_sub(self.keep));
        self.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(pieces: &[&[u8]]) -> (Vec<String>, Vec<u8>) {
        let mut lines = Lines::new(false, false);
        let mut told = Vec::new();
        for piece in pieces {
            lines.take(piece, &mut |l| told.push(l.text));
        }
        let kept = lines.finish(&mut |l| told.push(l.text));
        (told, kept)
    }

    #[test]
    fn lines_are_told_however_they_are_cut() {
        let (lines, kept) = told(&[b"one\ntw", b"o\n\nthree"]);
        assert_eq!(lines, ["one", "two", "", "three"]);
        assert_eq!(kept, b"one\ntwo\n\nthree");
    }

    #[test]
    fn a_line_without_end_is_cut_and_the_end_of_all_is_kept() {
        let (lines, kept) = told(&[&[b'a'; 100_000], b"\nlast\n"]);
        assert_eq!(lines[0].len(), LINE_MAX + "…".len());
        assert_eq!(lines[1], "last");
        assert_eq!(kept.len(), TAIL);
        assert!(kept.ends_with(b"\nlast\n"));
    }
}
