//! Inputs: files and folders of the builder that the image definition names.

use crate::error::{Error, ErrorCode, Result};
use crate::extensions::Extensions;
use crate::file::File;
use crate::host;
use crate::stat::Kind;

/// A file or a folder of the builder (`inputs`): [`crate::Run::input`], [`crate::Plan::input`].
#[derive(Debug)]
pub struct Input(pub(crate) host::Input);

/// All of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputAbout {
    /// A file, or a directory.
    pub kind: Kind,
    /// `sha256:…` of all paths, kinds, modes, contents and links.
    pub digest: String,
    /// Bytes of all files.
    pub size: u64,
    /// Files, directories and links in it; of a file 1.
    pub nodes: u64,
    /// What the host says of it beyond this version of the contract.
    pub extensions: Extensions,
}

/// One node of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputNode {
    /// Within the input: `etc/motd`. Empty where the input is a file.
    pub path: String,
    /// A file, a directory or a symbolic link.
    pub kind: Kind,
    /// Permission bits, but that group and others may not write. Of a link 0.
    pub mode: u32,
    /// Bytes of a file; else 0.
    pub size: u64,
    /// Of a file: `sha256:…` of its content.
    pub digest: Option<String>,
    /// What a link says.
    pub link_target: Option<String>,
    /// What the host says of it beyond this version of the contract.
    pub extensions: Extensions,
}

/// What of an input is placed, and whose it is then: [`crate::Tree::place_input_as`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Placement {
    /// A path within the input; none: all of it.
    pub source: Option<String>,
    /// A user of the image, by name or number; none: root.
    pub owner: Option<String>,
    /// A group of the image, by name or number; none: root.
    pub group: Option<String>,
    /// Permission bits of files; none: those in the input.
    pub file_mode: Option<u32>,
    /// Permission bits of directories that are made; none: those in the input.
    pub directory_mode: Option<u32>,
    /// What it says beyond this version of the contract.
    pub extensions: Extensions,
}

impl Input {
    /// What it is, as a whole.
    ///
    /// # Errors
    /// None but what the host may have later.
    pub fn about(&self) -> Result<InputAbout> {
        self.0.about()
    }

    /// All that is in it, in the order of the paths.
    ///
    /// # Errors
    /// None but what the host may have later.
    pub fn nodes(&self) -> Result<Vec<InputNode>> {
        let mut nodes: Vec<InputNode> = Vec::new();
        loop {
            let after = nodes.last().map(|node| node.path.clone());
            let more = self.0.nodes(after)?;
            if more.is_empty() {
                return Ok(nodes);
            }
            nodes.extend(more);
        }
    }

    /// The content of a file of it; of an input that is a file the path is empty.
    ///
    /// # Errors
    /// Not there, or no file.
    pub fn read(&self, path: &str) -> Result<Vec<u8>> {
        let mut content = Vec::new();
        loop {
            // Length 0: as much as the host gives in one call.
            let part = self.0.read(path, content.len() as u64, 0)?;
            if part.is_empty() {
                return Ok(content);
            }
            content.extend(part);
        }
    }

    /// The same as text.
    ///
    /// # Errors
    /// As [`Self::read`], and when it is no UTF-8.
    pub fn read_text(&self, path: &str) -> Result<String> {
        String::from_utf8(self.read(path)?).map_err(|_| {
            Error::with_code(ErrorCode::InvalidArgument, format!("`{path}` is no UTF-8 text"))
        })
    }

    /// All that is in it as wishes, below this folder of the image, with the modes that it has here;
    /// of an input that is a file, that file at this path. Folders are left out that would be made
    /// as they are for what is in them.
    ///
    /// # Errors
    /// None but what the host may have later.
    pub fn files(&self, at: &str) -> Result<Vec<File>> {
        let at = at.trim_end_matches('/');
        let nodes = self.nodes()?;
        let mut files = Vec::new();
        for node in &nodes {
            let path = match node.path.as_str() {
                "" => at.to_owned(),
                below => format!("{at}/{below}"),
            };
            let start = format!("{}/", node.path);
            files.push(match node.kind {
                Kind::Symlink => File::symlink(path, node.link_target.as_deref().unwrap_or("")),
                Kind::Directory => {
                    let is_made = nodes.iter().any(|other| other.path.starts_with(&start));
                    if is_made && node.mode == USUAL {
                        continue;
                    }
                    File::directory(path).mode(node.mode)
                }
                _ => File::new(path, self.read(&node.path)?).mode(node.mode),
            });
        }
        Ok(files)
    }
}

/// What a folder is made with where nobody says.
const USUAL: u32 = 0o755;
