//! Digests of large files, kept between runs: a file whose inode, size and times are as they were
//! is not read again.
//!
//! Nobody can set the time of change of a file back, so that one which is equal means the same
//! content; but the clock of files has ticks, so a file that changed just now is not kept. What is
//! wrong here makes a plan wrong and no image: whoever places a file compares it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use dibhost_sys::Signature;

/// Smaller files are read as fast as they are looked up.
const LEAST: u64 = 256 << 10;
/// Seconds after which a change would have another time.
const SETTLED: i64 = 2;
/// Entries that are kept: those that nobody asked for go when there are more.
const MOST: usize = 50_000;
/// The first line. Another form is another line.
const FORM: &str = "dibhost known inputs 1";

/// Digests of large files, by what tells a file and its content.
#[derive(Debug, Default)]
pub struct Known {
    digests: BTreeMap<Signature, String>,
    asked: BTreeMap<Signature, String>,
    new: bool,
    /// Seconds since 1970; none: it is what it is.
    now: Option<i64>,
}

impl Known {
    /// Those that a file has; none where it has none, or is none.
    #[must_use]
    pub fn load(file: &Path) -> Self {
        let text = fs::read_to_string(file).unwrap_or_default();
        let mut lines = text.lines();
        let mut known = Self::default();
        if lines.next() == Some(FORM) {
            known.digests.extend(lines.filter_map(entry));
        }
        known
    }

    /// Keeps them in a file, whole or not at all; does nothing where there is nothing new.
    ///
    /// # Errors
    /// The operating system refuses.
    pub fn save(mut self, file: &Path) -> io::Result<()> {
        if !self.new {
            return Ok(());
        }
        let mut all = std::mem::take(&mut self.digests);
        all.append(&mut self.asked.clone());
        if all.len() > MOST {
            all = self.asked;
        }
        let mut text = format!("{FORM}\n");
        for (signature, digest) in all {
            let fields = signature.fields().map(|n| n.to_string()).join(" ");
            let _ = writeln!(text, "{fields} {digest}");
        }
        let mut new = PathBuf::from(file).into_os_string();
        new.push(format!(".{}", std::process::id()));
        let written = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&new)
            .and_then(|mut to| to.write_all(text.as_bytes()))
            .and_then(|()| fs::rename(&new, file));
        if written.is_err() {
            let _ = fs::remove_file(&new);
        }
        written
    }

    pub(crate) fn get(&mut self, signature: &Signature) -> Option<String> {
        let digest = self.digests.get(signature)?.clone();
        self.asked.insert(*signature, digest.clone());
        Some(digest)
    }

    pub(crate) fn note(&mut self, signature: Signature, digest: &str) {
        let now = self.now.unwrap_or_else(|| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            i64::try_from(now.as_secs()).unwrap_or_default()
        });
        if signature.size() >= LEAST && signature.changed().saturating_add(SETTLED) < now {
            self.asked.insert(signature, digest.to_owned());
            self.new = true;
        }
    }
}

fn entry(line: &str) -> Option<(Signature, String)> {
    let (fields, digest) = line.rsplit_once(' ')?;
    let fields: Vec<i64> = fields.split(' ').map(|n| n.parse().ok()).collect::<Option<_>>()?;
    let digits = digest.strip_prefix("sha256:")?;
    let sound = digits.len() == 64 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    let signature = Signature::of_fields(fields.try_into().ok()?);
    sound.then(|| (signature, digest.to_owned()))
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::Input;

    /// A large file that changed a while ago.
    fn large(folder: &TempDir, byte: u8) -> PathBuf {
        let path = folder.path().join("large");
        fs::write(&path, vec![byte; 300 << 10]).unwrap();
        path
    }

    #[test]
    fn what_did_not_change_is_not_read_again_and_what_did_is() {
        let folder = TempDir::new().unwrap();
        let path = large(&folder, 1);
        let kept = folder.path().join("known");
        let open = |known: &mut Known| {
            Input::open("x", &path, known).unwrap().manifest().digest().to_owned()
        };
        // Just now: it could change once more within the tick.
        let mut known = Known::default();
        let digest = open(&mut known);
        known.save(&kept).unwrap();
        assert!(!kept.exists());
        let mut known = Known { now: Some(i64::MAX), ..Known::default() };
        open(&mut known);
        known.save(&kept).unwrap();
        // Another digest is taken at its word: so it is this one that is looked up.
        let text = fs::read_to_string(&kept).unwrap();
        let (head, _) = text.trim_end().rsplit_once(' ').unwrap();
        let other = format!("sha256:{}", "0".repeat(64));
        fs::write(&kept, format!("{head} {other}\n")).unwrap();
        let mut known = Known::load(&kept);
        assert_ne!(open(&mut known), digest);
        // Placing it compares it all the same.
        let input = Input::open("x", &path, &mut Known::load(&kept)).unwrap();
        assert!(input.hand_on("", 1 << 20, |_| Ok::<_, crate::Changed>(())).is_err());
        large(&folder, 1);
        // Its times are others now, and its content is what it was.
        assert_eq!(open(&mut Known::load(&kept)), digest);
    }

    #[test]
    fn a_file_that_is_none_has_none() {
        let folder = TempDir::new().unwrap();
        let kept = folder.path().join("known");
        assert!(Known::load(&kept).digests.is_empty());
        let digest = "0".repeat(64);
        let good = format!("1 2 3 4 5 6 7 sha256:{digest}");
        for (text, entries) in [
            (format!("{FORM}\n{good}\n"), 1),
            (format!("{FORM} 2\n{good}\n"), 0),
            (format!("{FORM}\n{good}0\n1 2 3\n1 2 3 4 5 6 x sha256:{digest}\n"), 0),
            ("\u{0}".to_owned(), 0),
        ] {
            fs::write(&kept, text).unwrap();
            assert_eq!(Known::load(&kept).digests.len(), entries);
        }
    }
}
