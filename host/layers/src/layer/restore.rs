//! Making a tree of layers.

use std::fs::File;
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;

use rustix::fs::FileType;
use rustix::io::{Errno, Result as SystemResult};

use super::attributes::{At, set};
use super::chain::{Chain, View};
use super::create;
use super::descent::Descent;
use super::error::RestoreError;
use super::frames::{self, Reader};
use super::inode::{Inode, Kind};
use super::manifest::Manifest;
use super::parallel::{in_order, threads};
use super::plan::{Maker, Plan, Work, plan};
use super::survey::{Seen, Survey, let_a_tick_pass, names_in, walk};

/// Makes the tree of some layers, the lowest first, in an empty folder, which becomes the root with
/// its attributes. Nothing is made outside of the folder, whatever the manifests say. Of the packs
/// only what is in the tree at the end is read. Answers the survey to pack the next layer by.
///
/// # Errors
/// [`RestoreError::Corrupt`] when the layers are not those that were packed. After any error the
/// folder may have a part of the tree.
pub fn restore(root: BorrowedFd<'_>, layers: &[(Manifest, File)]) -> Result<Survey, RestoreError> {
    if layers.is_empty() {
        return Err(RestoreError::corrupt("there are none"));
    }
    let chain = Chain::of(layers.iter().map(|(manifest, _)| manifest))?;
    let manifests: Vec<_> = layers.iter().map(|(manifest, _)| manifest).collect();
    let view = View::of(&manifests)?;
    let plan = plan(layers, &chain, &view)?;
    let restoring = Restoring { root, layers, view: &view, plan: &plan };
    restoring.begin()?;
    let state = || Ok((restoring.descent()?, Reader::new()?));
    in_order(threads(), &plan.works, state, |(descent, reader), work| {
        restoring.write(descent, reader, work)
    })?;
    restoring.link()?;
    restoring.finish()?;
    let survey = restoring.compared()?;
    let_a_tick_pass();
    Ok(survey)
}

/// Reads a whole pack, and compares all that it holds with what its manifest says.
///
/// [`restore`] makes sure that each frame is the one that the manifest was written with, and relies
/// on the one who wrote it for what is in the frame: hashing that, too, takes a fifth of its time.
/// So a layer that somebody else wrote is verified once, when it comes: else the next layer could be
/// packed upon a content that is not the one it is taken for.
///
/// # Errors
/// [`RestoreError::Corrupt`] when it differs.
pub fn verify(manifest: &Manifest, pack: &File) -> Result<(), RestoreError> {
    let offsets = frames::offsets(pack, manifest.frames())?;
    let all: Vec<_> = offsets.into_iter().zip(manifest.frames()).collect();
    in_order(threads(), &all, Reader::new, |reader, (at, frame)| {
        frames::check(frame, reader.read(pack, *at, frame)?)
    })?;
    Ok(())
}

struct Restoring<'a> {
    root: BorrowedFd<'a>,
    layers: &'a [(Manifest, File)],
    view: &'a View<'a>,
    plan: &'a Plan,
}

impl<'a> Restoring<'a> {
    fn descent(&self) -> Result<Descent, RestoreError> {
        Descent::new(self.root)
            .map_err(|e| RestoreError::system("opening the folder to restore into".to_owned(), e))
    }

    fn failed(&self, what: &str, at: u32) -> impl Fn(Errno) -> RestoreError {
        move |e| RestoreError::system(format!("{what} {}", self.view.names.shown(at)), e)
    }

    fn inode(&self, name: u32) -> &'a Inode {
        self.view.inodes[self.view.names.get(name).of as usize]
    }

    /// Names with whether each is the first of its inode.
    fn names(&self) -> impl Iterator<Item = (u32, bool)> {
        // Inodes are counted in the order of their first names.
        let mut next = 0;
        self.view.names.iter().map(move |(at, dentry)| {
            let first = dentry.of == next;
            next += u32::from(first);
            (at, first)
        })
    }

    /// Makes all but the files of which one frame has all content.
    fn begin(&self) -> Result<(), RestoreError> {
        let mut descent = self.descent()?;
        let mut buffer = vec![MaybeUninit::uninit(); 4096];
        let there = names_in(descent.here(), &mut buffer);
        let there = there.map_err(|e| {
            RestoreError::system("reading the folder to restore into".to_owned(), e)
        })?;
        if !there.is_empty() {
            return Err(RestoreError::NotEmpty);
        }
        for (at, _) in self.names().skip(1).filter(|(_, first)| *first) {
            self.make(&mut descent, at).map_err(self.failed("making", at))?;
        }
        Ok(())
    }

    fn make(&self, descent: &mut Descent, at: u32) -> SystemResult<()> {
        let dentry = self.view.names.get(at);
        let inode = self.inode(at);
        let maker = self.plan.makers.get(&dentry.of);
        if maker == Some(&Maker::Frame) {
            return Ok(());
        }
        descent.go(&self.view.names, dentry.parent)?;
        match &inode.kind {
            Kind::Folder => create::folder(descent.here(), &dentry.name),
            Kind::File(content) => {
                let file = create::file(descent.here(), &dentry.name, content)?;
                match maker {
                    Some(Maker::One { pieces: true }) => Ok(()),
                    _ => create::finish(&file, inode),
                }
            }
            _ => create::node(descent.here(), &dentry.name, inode),
        }
    }

    /// Writes what a frame has into the files that need it.
    fn write(
        &self,
        descent: &mut Descent,
        reader: &mut Reader,
        work: &Work,
    ) -> Result<(), RestoreError> {
        let (manifest, pack) = &self.layers[work.layer];
        let bytes = reader.read(pack, work.offset, &manifest.frames()[work.frame])?;
        for share in &work.files {
            let at = share.name;
            let dentry = self.view.names.get(at);
            let written = descent.go(&self.view.names, dentry.parent).and_then(|()| {
                let inode = self.inode(at);
                match &inode.kind {
                    Kind::File(content) if share.whole => {
                        let file = create::file(descent.here(), &dentry.name, content)?;
                        create::write(&file, &share.pieces, bytes)?;
                        create::finish(&file, inode)
                    }
                    _ => {
                        let file = create::again(descent.here(), &dentry.name)?;
                        create::write(&file, &share.pieces, bytes)
                    }
                }
            });
            written.map_err(self.failed("writing", at))?;
        }
        Ok(())
    }

    /// Gives inodes their other names.
    fn link(&self) -> Result<(), RestoreError> {
        let mut firsts = vec![0; self.view.inodes.len()];
        let (mut from, mut to) = (self.descent()?, self.descent()?);
        for (at, first) in self.names() {
            let dentry = self.view.names.get(at);
            if first {
                firsts[dentry.of as usize] = at;
                continue;
            }
            let other = self.view.names.get(firsts[dentry.of as usize]);
            let linked = from.go(&self.view.names, other.parent).and_then(|()| {
                to.go(&self.view.names, dentry.parent)?;
                create::link((from.here(), &other.name), (to.here(), &dentry.name))
            });
            linked.map_err(self.failed("linking", at))?;
        }
        Ok(())
    }

    /// Sets what making something in a folder would change, the deepest first, and the attributes
    /// of files that were made piece by piece.
    fn finish(&self) -> Result<(), RestoreError> {
        let mut descent = self.descent()?;
        let firsts: Vec<u32> = self.names().filter(|(_, first)| *first).map(|(at, _)| at).collect();
        for at in firsts.into_iter().rev() {
            let dentry = self.view.names.get(at);
            let inode = self.inode(at);
            let pieces = self.plan.makers.get(&dentry.of) == Some(&Maker::One { pieces: true });
            let done = if inode.kind == Kind::Folder {
                let gone = descent.go(&self.view.names, at);
                gone.and_then(|()| set(At::Fd(descent.here()), inode))
            } else if pieces {
                let gone = descent.go(&self.view.names, dentry.parent);
                gone.and_then(|()| create::again(descent.here(), &dentry.name))
                    .and_then(|file| create::finish(&file, inode))
            } else {
                Ok(())
            };
            done.map_err(self.failed("setting the attributes of", at))?;
        }
        Ok(())
    }

    /// Surveys what was made, and compares it: a filesystem may not keep all that it takes.
    fn compared(&self) -> Result<Survey, RestoreError> {
        let mut survey = walk(self.root)?;
        if survey.names != self.view.names {
            return Err(RestoreError::corrupt("other names came of them than they say"));
        }
        for (at, _) in self.names().filter(|(_, first)| *first) {
            let of = self.view.names.get(at).of as usize;
            if !same(&survey.inodes[of], self.view.inodes[of]) {
                let shown = self.view.names.shown(at);
                let what =
                    format!("{shown} is not what it was: the filesystem does not keep it so");
                return Err(RestoreError::corrupt(what));
            }
            if let Kind::File(content) = &self.view.inodes[of].kind {
                survey.contents[of] = Some(content.clone());
            }
        }
        Ok(survey)
    }
}

fn same(seen: &Seen, inode: &Inode) -> bool {
    let kind = match &inode.kind {
        Kind::Folder => seen.is_folder(),
        Kind::File(content) => seen.is_file() && seen.size == content.size,
        Kind::Symlink(to) => seen.kind() == FileType::Symlink && seen.size == to.len() as u64,
        Kind::Fifo => seen.kind() == FileType::Fifo,
        Kind::Socket => seen.kind() == FileType::Socket,
        Kind::CharacterDevice(number) => {
            seen.kind() == FileType::CharacterDevice && seen.number == *number
        }
        Kind::BlockDevice(number) => seen.kind() == FileType::BlockDevice && seen.number == *number,
    };
    let now = (seen.mode & 0o7777, seen.uid, seen.gid, seen.mtime);
    kind && now == (inode.mode, inode.uid, inode.gid, inode.mtime)
}
