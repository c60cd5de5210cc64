//! A tree that nothing is in yet.

use std::io;
use std::path::{Path, PathBuf};

use dibhost_filesystems::{EntryKind, Tree, TreeEntry, XattrTotals};
use dibhost_sys::{Program, ProgramError, ProgramOutput};

/// The mount points, each an empty folder.
pub(super) struct NoFiles;

impl Tree for NoFiles {
    fn part(&self, mount: &str) -> &Path {
        let _ = mount;
        Path::new("/")
    }

    fn entries(&mut self, _mount: &str, each: &mut dyn FnMut(&TreeEntry)) -> io::Result<()> {
        each(&TreeEntry {
            path: PathBuf::new(),
            kind: EntryKind::Folder,
            mode: 0o755,
            uid: 0,
            gid: 0,
            mtime: 0,
            size: 0,
            holes: 0,
            links: 2,
            inode: 0,
            xattrs: XattrTotals::default(),
            target: Vec::new(),
        });
        Ok(())
    }

    fn read_pieces(
        &mut self,
        mount: &str,
        relative: &str,
        _each: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let problem = format!("there is no `{relative}` below `{mount}` yet");
        Err(io::Error::new(io::ErrorKind::NotFound, problem))
    }

    fn program(&mut self, program: &Program) -> Result<ProgramOutput, ProgramError> {
        let program = program.parts().0.to_string_lossy().into_owned();
        let source = io::Error::other("there is no tree for it to work on yet");
        Err(ProgramError::Start { program, source })
    }
}
