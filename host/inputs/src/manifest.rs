//! What is in an input, and the digest of that.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// What a manifest's digest begins with. Another form is another number: every key of a step that
/// is granted an input would change with it.
const FORM: &str = "dibhost-input-1";

/// One node of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// Permission bits, but that group and others may not write: that is how somebody's umask was,
    /// and two checkouts of one repository are one input. Of a link none.
    pub mode: u32,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeKind {
    /// A regular file.
    File {
        /// Bytes.
        size: u64,
        /// `sha256:…` of its content.
        digest: String,
    },
    /// A folder.
    Directory,
    /// A symbolic link, which nobody followed.
    Symlink {
        /// What it says.
        to: String,
    },
}

impl NodeKind {
    /// `file`, `directory` or `symlink`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::File { .. } => "file",
            Self::Directory => "directory",
            Self::Symlink { .. } => "symlink",
        }
    }
}

/// All of an input. A file is one node whose path is empty; a folder's own mode is nobody's affair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    nodes: BTreeMap<String, Node>,
    digest: String,
    size: u64,
}

impl Manifest {
    /// Of these nodes, by their paths within the input.
    pub(crate) fn new(nodes: BTreeMap<String, Node>) -> Self {
        let size = |node: &Node| match node.kind {
            NodeKind::File { size, .. } => size,
            _ => 0,
        };
        Self { digest: digest(&nodes), size: nodes.values().map(size).sum(), nodes }
    }

    /// `sha256:…` over all paths, kinds, modes, contents and links.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Bytes of all files.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// It is one file.
    #[must_use]
    pub fn is_file(&self) -> bool {
        self.nodes.contains_key("")
    }

    /// Nodes by their paths: `etc/motd`.
    #[must_use]
    pub fn nodes(&self) -> &BTreeMap<String, Node> {
        &self.nodes
    }

    /// What is at a path, and all below it; nothing where nothing is. An empty path is all of it.
    pub fn below<'a>(&'a self, path: &'a str) -> impl Iterator<Item = (&'a str, &'a Node)> {
        let within = move |at: &str| {
            let rest = at.strip_prefix(path);
            path.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        // Names that begin alike lie between a folder and what is in it: `a`, `a-b`, `a/c`.
        let from = self.nodes.range(path.to_owned()..);
        let near = from.take_while(move |(at, _)| at.starts_with(path));
        near.filter(move |(at, _)| within(at)).map(|(at, node)| (at.as_str(), node))
    }
}

fn digest(nodes: &BTreeMap<String, Node>) -> String {
    let mut hash = Sha256::new();
    // Every field ends in a NUL, which none has in it.
    let mut field = |text: &str| {
        hash.update(text);
        hash.update([0]);
    };
    field(FORM);
    for (path, node) in nodes {
        field(path);
        field(node.kind.name());
        field(&format!("{:04o}", node.mode));
        match &node.kind {
            NodeKind::File { size: _, digest } => field(digest),
            NodeKind::Directory => {}
            NodeKind::Symlink { to } => field(to),
        }
    }
    hex(&hash.finalize())
}

/// `sha256:…`
pub(crate) fn hex(digest: &[u8]) -> String {
    let mut text = String::from("sha256:");
    for byte in digest {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(mode: u32, digest: &str) -> Node {
        Node { kind: NodeKind::File { size: 3, digest: digest.to_owned() }, mode }
    }

    fn manifest(nodes: &[(&str, Node)]) -> Manifest {
        Manifest::new(nodes.iter().map(|(p, n)| ((*p).to_owned(), n.clone())).collect())
    }

    #[test]
    fn the_form_of_the_digest_is_pinned_and_every_field_counts() {
        let folder = Node { kind: NodeKind::Directory, mode: 0o755 };
        let link = |to: &str| Node { kind: NodeKind::Symlink { to: to.to_owned() }, mode: 0 };
        let base = [("a", folder.clone()), ("a/b", file(0o644, "sha256:1")), ("c", link("a"))];
        let one = manifest(&base);
        assert_eq!(
            one.digest(),
            hex(&Sha256::digest(
                "dibhost-input-1\0a\0directory\x000755\0a/b\0file\x000644\0sha256:1\0c\0symlink\x000000\0a\0"
            ))
        );
        assert_eq!((one.size(), one.is_file()), (3, false));
        for other in [
            manifest(&[("a", folder.clone()), ("a/b", file(0o600, "sha256:1")), ("c", link("a"))]),
            manifest(&[("a", folder.clone()), ("a/b", file(0o644, "sha256:2")), ("c", link("a"))]),
            manifest(&[("a", folder.clone()), ("a/d", file(0o644, "sha256:1")), ("c", link("a"))]),
            manifest(&[("a", folder.clone()), ("a/b", file(0o644, "sha256:1")), ("c", link("b"))]),
            manifest(&[("a", folder), ("a/b", file(0o644, "sha256:1"))]),
        ] {
            assert_ne!(other.digest(), one.digest());
        }
    }

    #[test]
    fn what_is_below_a_path_is_not_what_begins_like_it() {
        let folder = || Node { kind: NodeKind::Directory, mode: 0o755 };
        let names = ["a", "a-b", "a/c", "a/c/d", "b"];
        let all = manifest(&names.map(|name| (name, folder())));
        let below = |path| all.below(path).map(|(at, _)| at.to_owned()).collect::<Vec<_>>();
        assert_eq!(below(""), names);
        assert_eq!(below("a"), ["a", "a/c", "a/c/d"]);
        assert_eq!(below("a/c/d"), ["a/c/d"]);
        assert!(below("c").is_empty());
    }
}
