//! What a program says: told line by line, the end of it kept.

use dibhost_check::Check;

use crate::command::Line;

/// A longer line is told up to here; a person could not read it, and a hostile program gains
/// nothing by never ending one.
const LINE_MAX: usize = 8 << 10;

/// Kept of a program whose output nobody asked for: enough for an error.
pub(crate) const TAIL: usize = 16 << 10;

/// Kept of a program whose output was asked for.
pub(crate) const CAPTURE_MAX: usize = 16 << 20;

/// Kept of a program of the builder: what `unsquashfs` lists of a million files.
pub(crate) const LISTED_MAX: usize = 256 << 20;

/// Lines that a program may tell on one output. Debian's largest task tells about 30,000; one that
/// never ends must not fill the log's disk.
const LINES_MAX: u64 = 200_000;

/// Bytes that a program may tell on one output, for the same reason.
const TOLD_MAX: u64 = 32 << 20;

/// One of the two outputs of a program.
#[derive(Debug)]
pub(crate) struct Lines {
    error: bool,
    line: Vec<u8>,
    cut: bool,
    kept: Vec<u8>,
    keep: usize,
    lines: u64,
    told: u64,
    untold: u64,
}

impl Lines {
    /// Of standard error or not, with so many bytes of the end kept.
    pub(crate) fn new(error: bool, keep: usize) -> Self {
        Self {
            error,
            line: Vec::new(),
            cut: false,
            kept: Vec::new(),
            keep,
            lines: 0,
            told: 0,
            untold: 0,
        }
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
        self.lines += 1;
        self.told += self.line.len() as u64;
        let too_much = self.lines > LINES_MAX || self.told > TOLD_MAX;
        if Check::ProgramLines.holds() && too_much {
            self.untold += 1;
            self.cut = false;
            self.line.clear();
            return;
        }
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
        if self.untold > 0 {
            let text = format!("… and {} lines more, which are not told.", self.untold);
            tell(Line { error: self.error, text });
        }
        self.kept.drain(..self.kept.len().saturating_sub(self.keep));
        self.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(pieces: &[&[u8]]) -> (Vec<String>, Vec<u8>) {
        let mut lines = Lines::new(false, TAIL);
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
    fn lines_without_end_are_counted_instead_of_told() {
        let many = vec![b'\n'; usize::try_from(LINES_MAX).unwrap() + 7];
        let (lines, _) = told(&[&many]);
        assert_eq!(lines.len() as u64, LINES_MAX + 1);
        assert_eq!(lines.last().unwrap(), "… and 7 lines more, which are not told.");
        let long = [[b'a'; LINE_MAX].as_slice(), b"\n"].concat().repeat(5000);
        let (lines, _) = told(&[&long]);
        assert_eq!(lines.len() as u64, TOLD_MAX / LINE_MAX as u64 + 1);
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
