//! Packing what changed in a tree.

use std::collections::HashSet;
use std::io::Write;
use std::os::fd::BorrowedFd;

use rustix::fs::{FileType, readlinkat};
use rustix::io::Errno;

use super::attributes::{At, xattrs};
use super::chain::Chain;
use super::descent::Descent;
use super::difference::{Difference, carry_contents};
use super::error::{PackError, SurveyError};
use super::frames::{Frames, Plain};
use super::inode::{Bound, CHUNK, Content, Frame, Inode, Kind, Xattr};
use super::manifest::Manifest;
use super::names::{Dentries, place};
use super::parallel::{in_order, threads};
use super::read::{Part, Read, plan, read};
use super::survey::{Seen, Survey, let_a_tick_pass, walk};

/// Parts that each thread reads, and so frames that it compresses at the most, before what came of
/// all of them is put in order: enough that the slowest one holds nobody up for long.
const AT_ONCE: usize = 2;

/// Packs what changed in a tree since a survey, upon the layers that made it what it was then; upon
/// none, the whole tree. Contents are written to `pack`. The manifest and the pack depend on the
/// tree, the survey and the chain alone. Answers the survey to pack the next layer by.
///
/// # Errors
/// The tree cannot be read or is being changed, or the pack cannot be written.
pub fn pack(
    root: BorrowedFd<'_>,
    before: &Survey,
    chain: &Chain,
    pack: &mut impl Write,
) -> Result<(Manifest, Survey), PackError> {
    pack_on(threads(), root, before, chain, pack)
}

/// Like [`pack()`], on so many threads.
///
/// # Errors
/// As of [`pack()`].
pub fn pack_on(
    threads: usize,
    root: BorrowedFd<'_>,
    before: &Survey,
    chain: &Chain,
    pack: &mut impl Write,
) -> Result<(Manifest, Survey), PackError> {
    let mut after = walk(root)?;
    carry_contents(before, &mut after);
    let nothing = Survey::empty();
    // A layer without one below must say all.
    let difference = match chain.top() {
        Some(_) => Difference::between(before, &after),
        None => Difference::between(&nothing, &after),
    };
    let mut packing = Packing {
        root,
        threads,
        after: &after,
        chain,
        contents: after.contents.clone(),
        xattrs: vec![Vec::new(); after.inodes.len()],
        frames: Vec::new(),
    };
    let jobs = packing.plan(&difference)?;
    packing.read(jobs, pack)?;
    let (inodes, names) = packing.inodes(&difference)?;
    let (contents, frames) = (packing.contents, packing.frames);
    let manifest = Manifest::new(chain.top(), inodes, names, frames)?;
    after.contents = contents;
    let_a_tick_pass();
    Ok((manifest, after))
}

struct Packing<'a> {
    root: BorrowedFd<'a>,
    threads: usize,
    after: &'a Survey,
    chain: &'a Chain,
    contents: Vec<Option<Content>>,
    xattrs: Vec<Vec<Xattr>>,
    frames: Vec<Frame>,
}

/// What a thread does.
enum Work {
    Compress(Plain),
    /// Parts of about a frame's size together.
    Read(Vec<Part>),
}

/// What came of it.
enum Done {
    Compressed(Frame, Vec<u8>),
    Read(Vec<Read>),
}

impl Packing<'_> {
    fn descent(&self) -> Result<Descent, PackError> {
        let system = |e| SurveyError::system("opening the tree".to_owned(), e);
        Ok(Descent::new(self.root).map_err(system)?)
    }

    /// Cuts the reading of all files that changed into pieces of about the same size.
    fn plan(&mut self, difference: &Difference) -> Result<Vec<Work>, PackError> {
        let mut descent = self.descent()?;
        let (mut jobs, mut parts, mut bytes) = (Vec::new(), Vec::new(), 0);
        let mut seen = HashSet::new();
        for (at, dentry) in self.after.names.iter() {
            let inode = dentry.of as usize;
            let wanted = difference.changed[inode] && self.after.inodes[inode].is_file();
            if !wanted || !seen.insert(inode) {
                continue;
            }
            let known = self.contents[inode].as_ref().is_some_and(|content| {
                content.chunks.iter().all(|chunk| self.chain.find(&chunk.bytes).is_some())
            });
            if !known {
                let size = self.after.inodes[inode].size;
                self.contents[inode] = Some(Content { size, chunks: Vec::new() });
            }
            plan(self.after, &mut descent, at, known, |part, size| {
                bytes += size;
                parts.push(part);
                // Opening a file takes as long as reading some thousand bytes of it.
                if bytes >= CHUNK || parts.len() >= 1000 {
                    jobs.push(Work::Read(std::mem::take(&mut parts)));
                    bytes = 0;
                }
            })?;
        }
        jobs.push(Work::Read(parts));
        Ok(jobs)
    }

    /// Reads all and compresses what is new: in rounds, after each of which all is put in order.
    fn read(&mut self, jobs: Vec<Work>, pack: &mut impl Write) -> Result<(), PackError> {
        let mut frames = Frames::new(self.chain);
        let mut jobs = jobs.into_iter();
        let mut full: Vec<Work> = Vec::new();
        let mut finished = false;
        while !finished {
            let more = self.threads * AT_ONCE;
            let mut round = std::mem::take(&mut full);
            round.extend(jobs.by_ref().take(more));
            if round.is_empty() {
                finished = true;
                round.extend(frames.rest().map(Work::Compress));
            }
            for done in self.work(&round)? {
                match done {
                    Done::Compressed(frame, bytes) => {
                        pack.write_all(&bytes).map_err(PackError::Write)?;
                        self.frames.push(frame);
                    }
                    Done::Read(all) => {
                        for read in all {
                            full.extend(
                                self.take(read, &mut frames).into_iter().map(Work::Compress),
                            );
                        }
                    }
                }
            }
        }
        pack.flush().map_err(PackError::Write)
    }

    fn work(&self, round: &[Work]) -> Result<Vec<Done>, PackError> {
        in_order(
            self.threads,
            round,
            || self.descent(),
            |descent, work| match work {
                Work::Compress(plain) => {
                    let (frame, bytes) = plain.compress()?;
                    Ok(Done::Compressed(frame, bytes))
                }
                Work::Read(parts) => {
                    let all = parts.iter().map(|part| read(self.after, descent, part));
                    Ok(Done::Read(all.collect::<Result<_, _>>()?))
                }
            },
        )
    }

    /// Keeps what was read of a file, and answers the frames that it filled.
    fn take(&mut self, read: Read, frames: &mut Frames<'_>) -> Vec<Plain> {
        let inode = self.after.names.get(read.name).of as usize;
        if let Some(xattrs) = read.xattrs {
            self.xattrs[inode] = xattrs;
        }
        let mut full = Vec::new();
        let mut rest = &read.bytes[..];
        for chunk in read.chunks {
            let (these, others) = rest.split_at(chunk.bytes.length as usize);
            full.extend(frames.add(chunk.bytes, these));
            rest = others;
            if let Some(content) = &mut self.contents[inode] {
                content.chunks.push(chunk);
            }
        }
        full
    }

    /// All that the manifest says of the inodes that changed, with its names.
    fn inodes(
        &mut self,
        difference: &Difference,
    ) -> Result<(Vec<Inode>, Dentries<Bound>), PackError> {
        let mut descent = self.descent()?;
        let mut places = vec![None; self.after.inodes.len()];
        for (at, dentry) in self.after.names.iter() {
            places[dentry.of as usize].get_or_insert(at);
        }
        let mut inodes = Vec::new();
        let mut numbers = vec![None; self.after.inodes.len()];
        let mut names = Dentries::default();
        for (_, dentry) in difference.names.iter() {
            let of = match dentry.of {
                Bound::Inode(of) => {
                    let number = *numbers[of as usize].get_or_insert(place(inodes.len()));
                    if number as usize == inodes.len() {
                        let name = places[of as usize].unwrap_or_default();
                        let inode = self.inode(&mut descent, name).map_err(|e| {
                            let doing = format!("reading {}", self.after.names.shown(name));
                            SurveyError::system(doing, e)
                        })?;
                        inodes.push(inode);
                    }
                    Bound::Inode(number)
                }
                other => other,
            };
            names.push(dentry.parent, dentry.name.clone(), of);
        }
        Ok((inodes, names))
    }

    fn inode(&mut self, descent: &mut Descent, name: u32) -> Result<Inode, Errno> {
        let dentry = self.after.names.get(name);
        let of = dentry.of as usize;
        let seen = self.after.inodes[of];
        let mut own = std::mem::take(&mut self.xattrs[of]);
        if !seen.is_file() {
            let folder = seen.is_folder();
            descent.go(&self.after.names, if folder { name } else { dentry.parent })?;
            own = match folder {
                true => xattrs(At::Fd(descent.here()))?,
                false => xattrs(At::Name(descent.here(), &dentry.name))?,
            };
        }
        let kind = self.kind(descent, &seen, &dentry.name, of)?;
        Ok(Inode {
            kind,
            mode: seen.mode & 0o7777,
            uid: seen.uid,
            gid: seen.gid,
            mtime: seen.mtime,
            xattrs: own,
        })
    }

    fn kind(&self, descent: &Descent, seen: &Seen, name: &[u8], of: usize) -> Result<Kind, Errno> {
        Ok(match seen.kind() {
            FileType::Directory => Kind::Folder,
            FileType::RegularFile => Kind::File(self.contents[of].clone().unwrap_or_default()),
            FileType::Symlink => {
                Kind::Symlink(readlinkat(descent.here(), name, Vec::new())?.into_bytes())
            }
            FileType::Fifo => Kind::Fifo,
            FileType::Socket => Kind::Socket,
            FileType::CharacterDevice => Kind::CharacterDevice(seen.number),
            FileType::BlockDevice => Kind::BlockDevice(seen.number),
            FileType::Unknown => return Err(Errno::OPNOTSUPP),
        })
    }
}
