//! `files`: wishes for what is to be at a path of the image, within `rootfs` of `write PATH`.

use std::collections::BTreeMap;
use std::sync::Arc;

use dibhost_check::Check;
use dibhost_definition::Limit;
use dibhost_plan::file::{Content, FileAttributes, FileNode, FileWish};
use dibhost_plan::wish::Wish;
use dibhost_text::harmless;
use wasmtime::component::{Linker, Resource};

use super::hook::{Own, hooked};
use crate::bindings::dib::element::files;
use crate::bindings::dib::element::types::Attributes;
use crate::held::blobs::Blob;
use crate::limits::{CALL_BYTES, spoken_bytes};
use crate::refusal::Refusal;
use crate::state::State;

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    files::add_to_linker::<_, Own>(linker, hooked)
}

const WHAT: &str = "a file cannot be wished for";

impl State {
    /// Keeps wishes for files, as far as the host may hold their content for the step.
    fn wish_files(&mut self, wishes: Vec<FileWish>) -> Result<(), Refusal> {
        let kept = self.wishes.iter().map(Wish::content).sum::<u64>();
        let more = wishes.iter().map(|wish| wish.node.size()).sum::<u64>();
        self.within(Limit::Blobs, kept.saturating_add(more))?;
        self.wish(wishes.into_iter().map(Wish::File).collect())
    }

    fn file_attributes(&mut self, path: &str, said: Attributes) -> Result<FileAttributes, Refusal> {
        self.extensions(&said.extensions, || format!("`{}`", harmless(path, 200)))?;
        let Attributes { mode, owner, group, xattrs, extensions: _ } = said;
        let given = xattrs.len();
        let xattrs: BTreeMap<_, _> = xattrs.into_iter().collect();
        if xattrs.len() < given {
            let path = harmless(path, 200);
            return Err(Refusal::invalid(format!("`{path}` has an extended attribute twice")));
        }
        Ok(FileAttributes { mode, owner, group, xattrs })
    }
}

impl files::Host for State {
    fn request(&mut self, wishes: Vec<files::Wish>) -> Result<(), Refusal> {
        self.planning(WHAT)?;
        let mut taken = Vec::new();
        for wish in wishes {
            taken.push(match wish {
                files::Wish::File(file) => {
                    if Check::CallBytes.holds() && file.content.len() > CALL_BYTES {
                        return Err(Refusal::limit(format!(
                            "a file that is wished for has at most {}",
                            spoken_bytes(CALL_BYTES as u64)
                        )));
                    }
                    let attributes = self.file_attributes(&file.path, file.attributes)?;
                    let content = Content::new(file.content);
                    FileWish { path: file.path, node: FileNode::File { content, attributes } }
                }
                files::Wish::Directory(folder) => {
                    let attributes = self.file_attributes(&folder.path, folder.attributes)?;
                    FileWish { path: folder.path, node: FileNode::Directory { attributes } }
                }
                files::Wish::Symlink(link) => {
                    let of = || format!("`{}`", harmless(&link.path, 200));
                    self.extensions(&link.extensions, of)?;
                    FileWish { path: link.path, node: FileNode::Symlink { to: link.to } }
                }
                files::Wish::Removed(path) => FileWish { path, node: FileNode::Removed },
            });
        }
        self.wish_files(taken)
    }

    fn place(
        &mut self,
        blob: Resource<Blob>,
        path: String,
        attributes: Attributes,
    ) -> Result<(), Refusal> {
        self.planning(WHAT)?;
        let content = Content::new(Arc::clone(&self.table.get(&blob)?.content));
        let attributes = self.file_attributes(&path, attributes)?;
        self.wish_files(vec![FileWish { path, node: FileNode::File { content, attributes } }])
    }
}
