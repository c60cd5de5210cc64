//! `rootfs`: the target tree, below what was granted. Every request carries its scope, and the
//! target checks it on the *resolved* path; what is checked here gives better sentences only.

mod archive;
mod input;

use std::sync::Arc;

use dibhost_check::Check;
use dibhost_definition::Limit;
use dibhost_plan::grant::{Access, Right, below};
use dibhost_text::harmless;
use dibhost_tree::{Change, Scope, Target, TargetError, TargetPath, Walk};
use wasmtime::component::{Linker, Resource};
use zeroize::Zeroize as _;

use self::input::{Placing, settled};
use super::hook::{Own, hooked};
use crate::bindings::dib::element::rootfs;
use crate::bindings::dib::element::types::Attributes;
use crate::convert;
use crate::held::blobs::Blob;
use crate::held::handles::{GivenInput, Secret, Tree};
use crate::limits::{CALL_BYTES, CHANGES, Exceeded, WALK_ENTRIES};
use crate::refusal::{Refusal, grant_lines};
use crate::state::State;

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    rootfs::add_to_linker::<_, Own>(linker, hooked)
}

impl rootfs::Host for State {
    fn open(&mut self, path: String) -> Result<Resource<Tree>, Refusal> {
        self.running("the target cannot be opened")?;
        let path = plain(&path)?;
        let paths = |to| self.call.grants.paths(to).map(plain).collect::<Result<Vec<_>, _>>();
        let granted = Scope::within(paths(Access::Read)?, paths(Access::Write)?);
        let scope = narrowed(&granted, &path);
        if Check::RootfsScope.holds() && scope.read.is_empty() {
            return Err(self.not_granted(&Right::Rootfs(Access::Read, path.to_string())));
        }
        Ok(self.table.push(Tree { scope })?)
    }
}

impl State {
    /// Has the target do something within the scope of `tree`.
    fn on_tree<R: Send + 'static>(
        &mut self,
        tree: &Resource<Tree>,
        job: impl FnOnce(&mut dyn Target, &Scope) -> Result<R, TargetError> + Send + 'static,
    ) -> Result<R, Refusal> {
        let scope = self.table.get(tree)?.scope.clone();
        let effects = self.running("the target cannot be touched")?;
        let answer = effects.ask(move |target, _| job(target, &scope));
        match answer.ok_or_else(Refusal::cancelled)? {
            Ok(answer) => Ok(answer),
            Err(TargetError::OutOfScope { path, write }) => Err(self.out_of_scope(&path, write)),
            Err(TargetError::NoRoom { files }) => {
                Err(Exceeded(if files { Limit::Files } else { Limit::Written }).into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Changes the target, as far as the step may write.
    fn change(&mut self, tree: &Resource<Tree>, changes: Vec<Change>) -> Result<(), Refusal> {
        let room = self.room();
        let written =
            self.on_tree(tree, move |target, scope| target.apply_within(scope, &changes, room))?;
        self.written.add(written);
        Ok(())
    }

    fn out_of_scope(&self, path: &str, write: bool) -> Refusal {
        let (verb, access) = if write { ("write", Access::Write) } else { ("read", Access::Read) };
        let path = harmless(path, 300);
        let lines = grant_lines(&self.call.element, &Right::Rootfs(access, path.clone()));
        Refusal::denied(format!("`{path}` is outside of what it may {verb}")).with_help(format!(
            "when the element has to reach there, it requests it and the image definition grants it:\n{lines}"
        ))
    }
}

impl rootfs::HostTree for State {
    fn read(
        &mut self,
        tree: Resource<Tree>,
        path: String,
        offset: u64,
        length: u64,
    ) -> Result<Vec<u8>, Refusal> {
        let path = TargetPath::new(&path)?;
        let limit = CALL_BYTES as u64;
        let length = if length == 0 { limit } else { length.min(limit) };
        self.on_tree(&tree, move |target, scope| target.read(scope, &path, offset, length))
    }

    fn capture(&mut self, tree: Resource<Tree>, path: String) -> Result<Resource<Blob>, Refusal> {
        let path = TargetPath::new(&path)?;
        let room = self.room_for_blobs();
        let captured =
            self.on_tree(&tree, move |target, scope| archive::capture(target, scope, &path, room))?;
        self.blob(captured.ok_or(Exceeded(Limit::Blobs))?)
    }

    fn stat(
        &mut self,
        tree: Resource<Tree>,
        path: String,
    ) -> Result<Option<rootfs::Stat>, Refusal> {
        let path = TargetPath::new(&path)?;
        let stat = self.on_tree(&tree, move |target, scope| target.stat(scope, &path))?;
        Ok(stat.map(convert::stat))
    }

    fn walk(
        &mut self,
        tree: Resource<Tree>,
        path: String,
        options: rootfs::WalkFlags,
        start_after: Option<String>,
    ) -> Result<Vec<rootfs::Entry>, Refusal> {
        let path = TargetPath::new(&path)?;
        let start = start_after.map(|s| TargetPath::new(&s)).transpose()?;
        let walk = Walk { recursive: options.contains(rootfs::WalkFlags::RECURSIVE) };
        let entries = self.on_tree(&tree, move |target, scope| {
            target.walk(scope, &path, walk, start.as_ref(), WALK_ENTRIES)
        })?;
        let entry = |e: dibhost_tree::Entry| rootfs::Entry {
            path: e.path.into(),
            stat: convert::stat(e.stat),
        };
        Ok(entries.into_iter().map(entry).collect())
    }

    fn apply(&mut self, tree: Resource<Tree>, changes: Vec<rootfs::Change>) -> Result<(), Refusal> {
        if Check::Changes.holds() && changes.len() > CHANGES {
            return Err(Refusal::limit(format!("one call applies at most {CHANGES} changes")));
        }
        for change in &changes {
            let (path, extensions) = said_of(change);
            self.extensions(extensions, || format!("`{}`", harmless(path, 200)))?;
        }
        let changes: Vec<_> = changes.into_iter().map(convert::change).collect::<Result<_, _>>()?;
        self.change(&tree, changes)
    }

    fn place(
        &mut self,
        tree: Resource<Tree>,
        blob: Resource<Blob>,
        path: String,
        attributes: Attributes,
    ) -> Result<(), Refusal> {
        let path = TargetPath::new(&path)?;
        let content = Arc::clone(&self.table.get(&blob)?.content);
        self.extensions(&attributes.extensions, || format!("`{path}`"))?;
        let attributes = convert::attributes(attributes);
        self.change(&tree, vec![Change::Write { path, content: content.to_vec(), attributes }])
    }

    fn place_input(
        &mut self,
        tree: Resource<Tree>,
        input: Resource<GivenInput>,
        path: String,
        placement: rootfs::Placement,
    ) -> Result<(), Refusal> {
        self.running("an input cannot be placed")?;
        let to = TargetPath::new(&path)?;
        self.extensions(&placement.extensions, || format!("`{to}`"))?;
        let input = self.input(&input)?;
        Placing::new(&input, &to, &placement)?.carry_out(|changes| {
            let room = self.room();
            let written = self.on_tree(&tree, move |target, scope| {
                let changes = settled(target, scope, changes)?;
                target.apply_within(scope, &changes, room)
            })?;
            self.written.add(written);
            Ok(())
        })
    }

    fn unpack(
        &mut self,
        tree: Resource<Tree>,
        archive: Resource<Blob>,
        path: String,
        strip: u32,
    ) -> Result<(), Refusal> {
        let path = TargetPath::new(&path)?;
        let content = Arc::clone(&self.table.get(&archive)?.content);
        // What comes out of an archive is held as blobs are until it is written.
        let (written, held) = (self.room().bytes, self.limit(Limit::Blobs));
        let bound = if written < held { Limit::Written } else { Limit::Blobs };
        let changes =
            archive::unpack(&content, &path, strip, written.min(held))?.ok_or(Exceeded(bound))?;
        self.change(&tree, changes)
    }

    fn write_secret(
        &mut self,
        tree: Resource<Tree>,
        path: String,
        secret: Resource<Secret>,
        attributes: Attributes,
    ) -> Result<(), Refusal> {
        self.running("no secret can be written")?;
        let path = TargetPath::new(&path)?;
        let secret = self.placed(&secret)?;
        self.extensions(&attributes.extensions, || format!("`{path}`"))?;
        let mut attributes = convert::attributes(attributes);
        // For its owner alone, unless it is said otherwise.
        attributes.mode.get_or_insert(0o600);
        self.on_tree(&tree, move |target, scope| {
            let content = secret.expose().to_vec();
            let mut changes = [Change::Write { path, content, attributes }];
            let applied = target.apply(scope, &changes);
            if let [Change::Write { content, .. }] = &mut changes {
                content.zeroize();
            }
            applied
        })
    }

    fn narrow(&mut self, tree: Resource<Tree>, path: String) -> Result<Resource<Tree>, Refusal> {
        let path = plain(&path)?;
        let scope = narrowed(&self.table.get(&tree)?.scope, &path);
        if Check::RootfsScope.holds() && scope.read.is_empty() {
            return Err(self.out_of_scope(path.as_str(), false));
        }
        Ok(self.table.push(Tree { scope })?)
    }

    fn drop(&mut self, tree: Resource<Tree>) -> wasmtime::Result<()> {
        self.table.delete(tree)?;
        Ok(())
    }
}

/// Where a change is, and what it says beyond the contract.
fn said_of(change: &rootfs::Change) -> (&str, &[(String, String)]) {
    use rootfs::Change as Said;
    match change {
        Said::Write(file) => (&file.path, &file.attributes.extensions),
        Said::Append(more) => (&more.path, &more.extensions),
        Said::MakeDirectory(folder) => (&folder.path, &folder.attributes.extensions),
        Said::SetAttributes(of) => (&of.path, &of.attributes.extensions),
        Said::Symlink(link) => (&link.path, &link.extensions),
        Said::HardLink(name) => (&name.path, &name.extensions),
        Said::Copy(to) | Said::Rename(to) => (&to.destination, &to.extensions),
        Said::Remove(path) => (path, &[]),
    }
}

/// A path to compare by its text: one with `..` in it says nothing of where it leads.
fn plain(path: &str) -> Result<TargetPath, Refusal> {
    let path = TargetPath::new(path)?;
    if Check::RootfsOpen.holds() && path.as_str().split('/').any(|c| c == "..") {
        return Err(Refusal::invalid(format!("`{path}` has `..` in it; open a plain path")));
    }
    Ok(path)
}

/// What of `scope` is at `path` or below it.
fn narrowed(scope: &Scope, path: &TargetPath) -> Scope {
    let within = |folders: &[TargetPath]| {
        let inside = |folder: &TargetPath| {
            if below(folder.as_str(), path.as_str()) {
                Some(path.clone())
            } else if below(path.as_str(), folder.as_str()) {
                Some(folder.clone())
            } else {
                None
            }
        };
        let mut paths: Vec<_> = folders.iter().filter_map(inside).collect();
        paths.sort();
        paths.dedup();
        paths
    };
    Scope { read: within(&scope.read), write: within(&scope.write), links: scope.links }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(texts: &[&str]) -> Vec<TargetPath> {
        texts.iter().map(|t| TargetPath::new(t).unwrap()).collect()
    }

    #[test]
    fn a_narrowed_tree_reaches_no_further() {
        let scope = Scope::within(paths(&["/etc", "/usr/share"]), paths(&["/etc/ssh"]));
        let at = |path: &str| narrowed(&scope, &TargetPath::new(path).unwrap());
        assert_eq!(at("/"), scope);
        assert_eq!(at("/etc/ssh/sshd").write, paths(&["/etc/ssh/sshd"]));
        assert_eq!(at("/etc").read, paths(&["/etc"]));
        assert_eq!(at("/usr").read, paths(&["/usr/share"]));
        assert!(at("/usr").write.is_empty());
        assert!(at("/etcetera").read.is_empty());
    }

    #[test]
    fn a_path_to_open_is_plain() {
        assert!(plain("/etc/../root").is_err());
        assert!(plain("etc").is_err());
        assert_eq!(plain("/etc/").unwrap().as_str(), "/etc");
    }
}
