//! Names of a tree in the order of their paths, each with the folder that it is in: any depth, and
//! no path is ever put together but for a person.
//!
//! ```text
//! 0            the root, without a name, within itself
//! 1  0  etc    a folder is told before what is in it
//! 2  1  passwd and what is in it before its next sibling
//! 3  0  usr    siblings are in the order of their names' bytes
//! ```

use serde::{Deserialize, Serialize};

/// The longest name that Linux has, in bytes.
const LONGEST_NAME: usize = 255;

/// Levels of folders below the root. A cursor goes down from the root for each frame, so a
/// manifest of nothing but depth would keep a builder busy for hours; the deepest tree of a test
/// suite that is known to us has 3,000.
pub(super) const DEEPEST: usize = 16_384;

/// The most bytes of a path that a sentence shows, from its end.
const SHOWN: usize = 1024;

/// A name in a folder, and what it is a name of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Dentry<T> {
    /// The folder's place in the list; it is before this one's.
    pub(super) parent: u32,
    pub(super) name: Vec<u8>,
    pub(super) of: T,
}

/// All names of a tree, the root first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Dentries<T>(Vec<Dentry<T>>);

impl<T> Default for Dentries<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Dentries<T> {
    /// Puts a name behind all others, and answers its place.
    pub(super) fn push(&mut self, parent: u32, name: Vec<u8>, of: T) -> u32 {
        let at = place(self.0.len());
        self.0.push(Dentry { parent, name, of });
        at
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn get(&self, at: u32) -> &Dentry<T> {
        &self.0[at as usize]
    }

    /// Says what else a name is of.
    pub(super) fn set(&mut self, at: u32, of: T) {
        self.0[at as usize].of = of;
    }

    /// All names with their places.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (u32, &Dentry<T>)> {
        self.0.iter().enumerate().map(|(at, dentry)| (place(at), dentry))
    }

    /// The path, whole.
    pub(super) fn path(&self, mut at: u32) -> Vec<u8> {
        let mut names = Vec::new();
        while at != 0 {
            let dentry = self.get(at);
            names.push(&dentry.name[..]);
            at = dentry.parent;
        }
        names.push(b"");
        names.reverse();
        if names.len() == 1 { b"/".to_vec() } else { names.join(&b'/') }
    }

    /// The path in back-ticks, for a person: from its end when it is long.
    pub(super) fn shown(&self, at: u32) -> String {
        let mut names = Vec::new();
        let (mut at, mut bytes) = (at, 0);
        while at != 0 && bytes < SHOWN {
            let dentry = self.get(at);
            bytes += dentry.name.len() + 1;
            names.push(&dentry.name[..]);
            at = dentry.parent;
        }
        names.push(if at == 0 { b"" } else { "…".as_bytes() });
        names.reverse();
        let path = names.join(&b'/');
        let path = if path.is_empty() { &b"/"[..] } else { &path };
        format!("`{}`", String::from_utf8_lossy(path).escape_debug())
    }
}

/// A place in a list, of which none has as many as could be counted.
pub(super) fn place(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// Why some bytes are no name of a file.
pub(super) fn wrong_name(name: &[u8]) -> Option<&'static str> {
    match name {
        b"" => Some("has no name"),
        b"." | b".." => Some("leads elsewhere"),
        _ if name.len() > LONGEST_NAME => Some("has a name of more than 255 bytes"),
        _ if name.contains(&b'/') => Some("has a name with a `/` in it"),
        _ if name.contains(&0) => Some("has a name with a NUL in it"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_shown_from_its_end_and_as_it_can_be_read() {
        let mut names = Dentries::default();
        let root = names.push(0, Vec::new(), ());
        let etc = names.push(root, b"etc".to_vec(), ());
        let odd = names.push(etc, b"a\n\xff".to_vec(), ());
        assert_eq!(names.shown(root), "`/`");
        assert_eq!(names.shown(odd), "`/etc/a\\n\u{fffd}`");
        let mut at = root;
        for _ in 0..3000 {
            at = names.push(at, b"folder".to_vec(), ());
        }
        let shown = names.shown(at);
        assert!(shown.starts_with("`…/folder/"), "{shown}");
        assert!(shown.len() < 1100, "{shown}");
    }

    #[test]
    fn names_that_lead_elsewhere_are_none() {
        for name in [&b""[..], b".", b"..", b"a/b", b"/", b"a\0", &[b'x'; 256]] {
            assert!(wrong_name(name).is_some(), "{name:?}");
        }
        for name in [&b"a"[..], b"...", b".wh.x", b"\xff\n", &[b'x'; 255]] {
            assert_eq!(wrong_name(name), None, "{name:?}");
        }
    }
}
