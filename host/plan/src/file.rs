//! Files that elements wish for: what is to be at a path. Content is known by its digest; its bytes
//! stay in memory and are no part of a plan that is written down.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use dibhost_text::readable_size;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::digest::sha256;

/// Bytes of a text that is shown whole: a line or a few, as most files that are wished for have.
const SHORT: usize = 400;
/// Characters of it that a line of the plan has room for.
const SHOWN: usize = 60;

/// What is in a file.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Content {
    /// `sha256:…`
    digest: String,
    /// Bytes.
    size: u64,
    /// All of it, where it is a short text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip)]
    bytes: Option<Arc<[u8]>>,
}

impl Content {
    /// Of these bytes.
    pub fn new(bytes: impl Into<Arc<[u8]>>) -> Self {
        let bytes = bytes.into();
        let text = (bytes.len() <= SHORT).then(|| std::str::from_utf8(&bytes).ok()).flatten();
        let plain = |c: char| !c.is_control() || matches!(c, '\n' | '\t');
        Self {
            digest: sha256(&bytes),
            size: bytes.len() as u64,
            text: text.filter(|text| text.chars().all(plain)).map(str::to_owned),
            bytes: Some(bytes),
        }
    }

    /// `sha256:…`
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// How many bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The bytes; none in a plan that was read from where it was written down.
    #[must_use]
    pub fn bytes(&self) -> Option<&Arc<[u8]>> {
        self.bytes.as_ref()
    }
}

impl PartialEq for Content {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for Content {}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Content({self})")
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.text {
            Some(text) if text.chars().count() <= SHOWN => write!(f, "{text:?}"),
            Some(text) => {
                let begins: String = text.chars().take(SHOWN).collect();
                write!(f, "{} beginning {begins:?}", readable_size(self.size))
            }
            None => write!(f, "{} of {}", readable_size(self.size), &self.digest),
        }
    }
}

/// Who owns a file or folder and with which mode. None: root and the usual mode (0644, 0755); of a
/// folder that is there, it stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FileAttributes {
    /// Permission bits, in octal digits.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "octal")]
    #[schemars(with = "Option<String>")]
    pub mode: Option<u32>,
    /// A user of the image by name, or a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// A group of the image by name, or a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Extended attributes; values in hex digits.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", with = "hex")]
    #[schemars(with = "BTreeMap<String, String>")]
    pub xattrs: BTreeMap<String, Vec<u8>>,
}

impl FileAttributes {
    /// Without what says what is so anyway for something new: root, and this mode.
    fn normal(&self, usual_mode: u32) -> Self {
        let named = |who: &Option<String>| who.clone().filter(|who| who != "root" && who != "0");
        Self {
            mode: self.mode.filter(|mode| *mode != usual_mode),
            owner: named(&self.owner),
            group: named(&self.group),
            xattrs: self.xattrs.clone(),
        }
    }
}

impl fmt::Display for FileAttributes {
    /// `, 0600, of postfix:adm`; nothing where nothing is said.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(mode) = self.mode {
            write!(f, ", {mode:04o}")?;
        }
        match (&self.owner, &self.group) {
            (None, None) => {}
            (Some(owner), None) => write!(f, ", of {owner}")?,
            (owner, Some(group)) => {
                write!(f, ", of {}:{group}", owner.as_deref().unwrap_or_default())?;
            }
        }
        if !self.xattrs.is_empty() {
            let names: Vec<&str> = self.xattrs.keys().map(String::as_str).collect();
            write!(f, ", with {}", names.join("+"))?;
        }
        Ok(())
    }
}

/// What is to be at a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FileNode {
    /// A file with this content.
    File {
        /// What is in it.
        content: Content,
        /// Whose it is.
        attributes: FileAttributes,
    },
    /// A folder, and those above it.
    Directory {
        /// Whose it is.
        attributes: FileAttributes,
    },
    /// A symbolic link.
    Symlink {
        /// What it says.
        to: String,
    },
    /// Nothing; a folder goes with all that is in it.
    Removed,
}

impl FileNode {
    /// In the one form in which equal wishes are equal.
    #[must_use]
    pub fn normal(&self) -> Self {
        match self {
            Self::File { content, attributes } => {
                Self::File { content: content.clone(), attributes: attributes.normal(0o644) }
            }
            // Of a folder that is there, root and 0755 are something else than nothing.
            other => other.clone(),
        }
    }

    /// What of it is in the key of the action that places it: how much of a text is shown is not.
    #[must_use]
    pub fn key(&self) -> Value {
        match self {
            Self::File { content, attributes } => json!({"file": [content.digest, attributes]}),
            other => json!(other),
        }
    }

    /// Bytes of content.
    #[must_use]
    pub fn size(&self) -> u64 {
        if let Self::File { content, .. } = self { content.size } else { 0 }
    }

    /// `a file`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::File { .. } => "a file",
            Self::Directory { .. } => "a folder",
            Self::Symlink { .. } => "a link",
            Self::Removed => "nothing",
        }
    }

    /// The same with its path, for people: `file /etc/motd: "Hello\n"`.
    #[must_use]
    pub fn at(&self, path: &str) -> String {
        match self {
            Self::File { content, attributes } => format!("file {path}{attributes}: {content}"),
            Self::Directory { attributes } => format!("folder {path}{attributes}"),
            Self::Symlink { to } => format!("link {path} to {to}"),
            Self::Removed => format!("nothing at {path}"),
        }
    }
}

/// A path of the image and what is to be there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileWish {
    /// Absolute and normal; never the root.
    pub path: String,
    /// What is to be there.
    pub node: FileNode,
}

mod octal {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    #[expect(clippy::ref_option, reason = "as serde calls it")]
    pub(super) fn serialize<S: Serializer>(mode: &Option<u32>, to: S) -> Result<S::Ok, S::Error> {
        match mode {
            Some(mode) => to.collect_str(&format_args!("{mode:04o}")),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
        let digits = Option::<String>::deserialize(from)?;
        digits.map(|digits| u32::from_str_radix(&digits, 8).map_err(D::Error::custom)).transpose()
    }
}

mod hex {
    use std::collections::BTreeMap;

    use data_encoding::HEXLOWER;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(
        values: &BTreeMap<String, Vec<u8>>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_map(values.iter().map(|(name, value)| (name, HEXLOWER.encode(value))))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<BTreeMap<String, Vec<u8>>, D::Error> {
        let values = BTreeMap::<String, String>::deserialize(from)?;
        let decode = |(name, digits): (String, String)| {
            let value = HEXLOWER.decode(digits.as_bytes()).map_err(D::Error::custom)?;
            Ok((name, value))
        };
        values.into_iter().map(decode).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_its_digest_and_shown_where_it_is_short() {
        let motd = Content::new(*b"Hello.\n");
        assert_eq!(motd.to_string(), "\"Hello.\\n\"");
        assert_eq!(motd, Content::new(*b"Hello.\n"));
        assert_ne!(motd, Content::new(*b"Hello!\n"));
        let binary = Content::new(vec![0; 4096]);
        assert!(binary.to_string().starts_with("4 KiB of sha256:ad7facb2586fc6e9"), "{binary}");
        let long = Content::new("x".repeat(SHORT + 1).into_bytes());
        assert!(long.to_string().contains("sha256:"), "{long}");
        let lines = Content::new("word\n".repeat(20).into_bytes());
        assert!(lines.to_string().starts_with("100 B beginning \"word\\nword"), "{lines}");
        assert_eq!(json!(motd)["text"], "Hello.\n");
        assert_eq!(json!(binary).get("text"), None);
    }

    #[test]
    fn a_plan_that_is_written_down_has_no_bytes() {
        let node = FileNode::File {
            content: Content::new(*b"x"),
            attributes: FileAttributes {
                mode: Some(0o4755),
                owner: Some("me".to_owned()),
                group: None,
                xattrs: BTreeMap::from([("security.capability".to_owned(), vec![1, 255])]),
            },
        };
        let text = json!(node);
        assert_eq!(text["file"]["attributes"]["mode"], "4755");
        assert_eq!(text["file"]["attributes"]["xattrs"]["security.capability"], "01ff");
        let back: FileNode = serde_json::from_value(text).unwrap();
        assert_eq!(back, node);
        let FileNode::File { content, .. } = back else { panic!() };
        assert!(content.bytes().is_none());
        assert_eq!(node.at("/x"), "file /x, 4755, of me, with security.capability: \"x\"");
    }

    #[test]
    fn what_is_usual_need_not_be_said() {
        let file = |mode, owner: Option<&str>| FileNode::File {
            content: Content::new(*b"x"),
            attributes: FileAttributes {
                mode,
                owner: owner.map(str::to_owned),
                ..FileAttributes::default()
            },
        };
        assert_eq!(file(Some(0o644), Some("root")).normal(), file(None, None));
        assert_ne!(file(Some(0o600), None).normal(), file(None, None));
        let folder = FileNode::Directory {
            attributes: FileAttributes { mode: Some(0o755), ..FileAttributes::default() },
        };
        assert_eq!(folder.normal(), folder);
    }
}
