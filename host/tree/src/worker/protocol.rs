//! What engine and worker say to each other: one request at a time, each answered by any
//! number of lines and one result. A frame is its length (32 bits, little-endian) and postcard.
//! Both ends are the same program, so the format has no versions.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::net::IpAddr;

use dibhost_sys::Program;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::cgroup::Subtree;
use crate::command::{Command, Line, Output};
use crate::error::TargetError;
use crate::ids::Ids;
use crate::limits::{HostLimits, ProgramLimits};
use crate::path::TargetPath;
use crate::tree::{
    Change, Entry, Laying, ListedNode, NotApplied, Room, Scope, Scoped, Stat, Walk, Written,
};

/// More than the changes of any step hold; a length beyond it is a broken frame.
const FRAME_MAX: u32 = 1 << 30;

/// What a worker begins with.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Begin {
    /// The build's folder.
    pub(crate) work: String,
    pub(crate) tmpfs: Option<u64>,
    pub(crate) epoch: u64,
    /// Where the control groups of programs are made; none: nowhere.
    pub(crate) subtrees: Vec<Subtree>,
    pub(crate) limits: ProgramLimits,
    /// Of programs of the builder.
    pub(crate) host: HostLimits,
    pub(crate) ids: Ids,
}

/// What the engine asks for.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Request {
    /// The first one: where the tree is to be.
    Begin(Box<Begin>),
    Stat {
        scope: Scope,
        path: TargetPath,
    },
    Read {
        scope: Scope,
        path: TargetPath,
        offset: u64,
        length: u64,
    },
    Walk {
        scope: Scope,
        path: TargetPath,
        walk: Walk,
        start_after: Option<TargetPath>,
        limit: usize,
    },
    Apply {
        scope: Scope,
        changes: Vec<Change>,
        room: Room,
    },
    /// Answered by how it went: not by an error, for that says whose part it was.
    ApplyEach {
        parts: Vec<Scoped>,
    },
    /// On the terminal that was lent, if one was.
    Exec {
        command: Command,
    },
    /// A file follows: the network namespace of the next program.
    Network {
        nameservers: Vec<IpAddr>,
    },
    /// The next program gets a network of the worker's making, for the engine to connect.
    OwnNetwork {
        nameservers: Vec<IpAddr>,
    },
    /// A folder follows: programs of the host are to find it under this number.
    Hold {
        number: i32,
    },
    Host {
        program: HostProgram,
        /// It is dibhost's own, and mounts what it made.
        mounting: bool,
    },
    Split {
        mount_points: Vec<TargetPath>,
    },
    /// Everything in a part of the finished tree, in messages of their own.
    List {
        part: OsString,
    },
    ReadPart {
        part: OsString,
        file: OsString,
        offset: u64,
        length: u64,
    },
    /// Removes all that lies in the folder of the tree.
    Clear,
    ClampTimes {
        epoch: i64,
    },
    /// So many files follow: of the next [`Request::Pack`] or [`Request::Restore`], each layer's manifest
    /// before its pack; or the terminal of the next [`Request::Exec`].
    Lend {
        files: usize,
    },
    /// Notes how the tree stands.
    Mark,
    /// Writes what became of it since, into the files that were lent.
    Pack,
    /// Makes the tree of the layers that were lent.
    Restore,
    /// Lays what these programs say, tar archives, into the tree.
    LayDown {
        archives: Vec<HostProgram>,
        laying: Laying,
    },
}

/// A program of the builder.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct HostProgram {
    pub(crate) program: OsString,
    pub(crate) args: Vec<OsString>,
    pub(crate) env: Vec<(OsString, OsString)>,
    pub(crate) folder: Option<OsString>,
}

impl HostProgram {
    /// A program as the engine says it, with `path` telling how the worker sees a path.
    pub(crate) fn of(program: &Program, path: impl Fn(&OsStr) -> OsString) -> Self {
        let (name, args, env) = program.parts();
        Self {
            program: path(name),
            args: args.iter().map(|arg| path(arg)).collect(),
            env: env.to_vec(),
            folder: program.folder().map(|f| path(f.as_os_str())),
        }
    }
}

impl From<HostProgram> for std::process::Command {
    fn from(program: HostProgram) -> Self {
        let mut command = Self::new(program.program);
        command.args(program.args).env_clear().envs(program.env);
        if let Some(folder) = program.folder {
            command.current_dir(folder);
        }
        command
    }
}

/// What the worker answers.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Response {
    Done,
    /// Where the tree is seen.
    Begun {
        tree: String,
    },
    Written(Written),
    Applied(Result<(), NotApplied>),
    /// For the file that follows.
    Waiting {
        nameservers: Vec<IpAddr>,
    },
    /// Two files follow: a network namespace, and the user namespace that it belongs to.
    Networked,
    /// For the folder that follows.
    Holding {
        number: i32,
    },
    /// For the files that follow.
    Borrowing {
        files: usize,
    },
    Stat(Option<Stat>),
    Content(Vec<u8>),
    Entries(Vec<Entry>),
    Ran(Output),
    Parts(BTreeMap<TargetPath, String>),
    /// There is no such program of the builder.
    NotThere,
}

/// What the worker sends.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Message {
    Line(Line),
    Listed(Vec<ListedNode>),
    End(Result<Response, TargetError>),
}

pub(crate) fn send(to: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    // The length's place is kept free at the front, so that one write sends both.
    let mut frame = postcard::to_extend(value, vec![0; 4]).map_err(io::Error::other)?;
    let length =
        u32::try_from(frame.len() - 4).ok().filter(|l| *l <= FRAME_MAX).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, "more than 1 GiB in one request")
        })?;
    frame[..4].copy_from_slice(&length.to_le_bytes());
    to.write_all(&frame)
}

/// None: the other end is gone.
pub(crate) fn receive<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<Option<T>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length) {
        Ok(()) => (),
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(e) => return Err(e),
    }
    let length = u32::from_le_bytes(length);
    if length > FRAME_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame of impossible length"));
    }
    // As much memory as there are bytes, whatever length was said.
    let mut frame = Vec::new();
    from.take(length.into()).read_to_end(&mut frame)?;
    if frame.len() < length as usize {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    postcard::from_bytes(&frame).map(Some).map_err(io::Error::other)
}

/// What an engine makes of whatever a worker that was taken over sends: how many messages there were.
/// For fuzzing.
#[doc(hidden)]
#[must_use]
pub fn read_messages(mut sent: &[u8]) -> usize {
    std::iter::from_fn(|| receive::<Message>(&mut sent).ok().flatten()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back_as_they_were() {
        let mut wire = Vec::new();
        let program = HostProgram {
            program: "mke2fs".into(),
            args: vec!["-d".into()],
            env: vec![("A".into(), "b".into())],
            folder: None,
        };
        let request = Request::Host { program, mounting: false };
        send(&mut wire, &request).unwrap();
        send(&mut wire, &Message::End(Ok(Response::Content(vec![1, 2])))).unwrap();
        let mut wire = wire.as_slice();
        let back: Request = receive(&mut wire).unwrap().unwrap();
        assert_eq!(format!("{back:?}"), format!("{request:?}"));
        let back: Message = receive(&mut wire).unwrap().unwrap();
        assert!(matches!(back, Message::End(Ok(Response::Content(c))) if c == [1, 2]));
        assert!(receive::<Message>(&mut wire).unwrap().is_none());
    }

    #[test]
    fn a_length_that_cannot_be_is_refused() {
        assert!(receive::<Message>(&mut [0xff_u8; 8].as_slice()).is_err());
        // Nor is memory taken for what does not come.
        let error = receive::<Message>(&mut [0, 0, 0, 0x3f, 1, 2].as_slice()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
