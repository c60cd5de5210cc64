//! Paths inside the image, kept apart from paths of the host by their type.

use std::fmt;

use dibhost_check::Check;
use serde::{Deserialize, Serialize};

/// An absolute, `/`-separated, UTF-8 path inside the target, without `.`, empty components or a
/// trailing slash. `..` may occur: it is resolved by the kernel with the tree as its root.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TargetPath(String);

/// Why a text is no path inside the target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no path inside the image: {reason}", .path.escape_debug())]
pub struct PathError {
    path: String,
    reason: &'static str,
}

/// The kernel's limits (`PATH_MAX` less its NUL, `NAME_MAX`).
const PATH_MAX: usize = 4095;
const NAME_MAX: usize = 255;

impl TargetPath {
    /// The top of the tree.
    #[must_use]
    pub fn root() -> Self {
        Self("/".to_owned())
    }

    /// # Errors
    /// When the text is not absolute, too long, or has a NUL in it.
    pub fn new(text: &str) -> Result<Self, PathError> {
        let error = |reason| Err(PathError { path: text.chars().take(80).collect(), reason });
        if Check::PathAbsolute.holds() && !text.starts_with('/') {
            return error("it does not begin with `/`");
        }
        if Check::PathNul.holds() && text.contains('\0') {
            return error("it has a NUL in it");
        }
        if Check::PathBytes.holds() && text.len() > PATH_MAX {
            return error("it is longer than 4095 bytes");
        }
        if Check::PathNameBytes.holds() && text.split('/').any(|c| c.len() > NAME_MAX) {
            return error("one of its components is longer than 255 bytes");
        }
        let mut normal = String::with_capacity(text.len());
        for component in text.split('/').filter(|c| !c.is_empty() && *c != ".") {
            normal.push('/');
            normal.push_str(component);
        }
        if normal.is_empty() {
            normal.push('/');
        }
        Ok(Self(normal))
    }

    /// The path as text: `/etc/motd`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path below the tree's root: `etc/motd`, `.` for the root itself.
    #[must_use]
    pub fn relative(&self) -> &str {
        if self.0 == "/" { "." } else { &self.0[1..] }
    }

    /// The folder it is in and its last component; none for the root, and for a path whose last
    /// component is `..`.
    #[must_use]
    pub fn split(&self) -> Option<(Self, &str)> {
        let (parent, name) = self.0.rsplit_once('/')?;
        if name.is_empty() || name == ".." {
            return None;
        }
        Some((Self(if parent.is_empty() { "/".to_owned() } else { parent.to_owned() }), name))
    }

    /// # Errors
    /// When the result would be too long.
    pub fn join(&self, relative: &str) -> Result<Self, PathError> {
        Self::new(&format!("{}/{relative}", self.0))
    }
}

impl TryFrom<String> for TargetPath {
    type Error = PathError;

    fn try_from(text: String) -> Result<Self, PathError> {
        Self::new(&text)
    }
}

impl From<TargetPath> for String {
    fn from(path: TargetPath) -> Self {
        path.0
    }
}

impl fmt::Display for TargetPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_made_normal() {
        for (text, normal) in
            [("/", "/"), ("//etc//./motd/", "/etc/motd"), ("/a/../b", "/a/../b"), ("/.", "/")]
        {
            assert_eq!(TargetPath::new(text).unwrap().as_str(), normal);
        }
    }

    #[test]
    fn what_is_no_path_is_refused() {
        let long = format!("/{}", "a/".repeat(2100));
        let name = format!("/{}", "a".repeat(256));
        for text in ["", "etc", "/a\0b", &long, &name] {
            assert!(TargetPath::new(text).is_err(), "{text}");
        }
    }

    #[test]
    fn dot_dot_is_no_name() {
        assert!(TargetPath::new("/a/..").unwrap().split().is_none());
        assert_eq!(TargetPath::new("/a").unwrap().split().unwrap().1, "a");
    }
}
