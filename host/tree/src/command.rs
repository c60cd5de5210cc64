//! A program to run in the tree, and how it ended.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::limits::ProgramLimits;
use crate::path::TargetPath;

/// A folder of the host that a program in the target may read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadOnlyBind {
    /// Absolute path on the host.
    pub host: String,
    /// Where the program finds it. Made if need be; it leaves nothing in the tree.
    pub target: TargetPath,
}

/// A program to run inside the target: in its own mount, PID, IPC, UTS and network namespaces,
/// the tree as `/` by `pivot_root`, a private `/dev`, fresh `/proc`, read-only `/sys`, a fresh
/// tmpfs on `/run` and `/tmp`, no network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// Found on the target's `PATH` when it has no `/`. No shell.
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// On top of a small clean environment.
    pub env: BTreeMap<String, String>,
    /// Where it runs; none: `/`.
    pub workdir: Option<String>,
    /// Its standard input; none: nothing.
    pub stdin: Option<Vec<u8>>,
    /// Ended after so many seconds.
    pub timeout_seconds: Option<u32>,
    /// Folders of the host it may read. Never filled by an element.
    pub binds: Vec<ReadOnlyBind>,
    /// Keep standard output and error for [`Output`]; lines are told either way.
    pub capture: bool,
    /// It reaches the network, by user-mode networking; none of the host's own sockets.
    pub network: bool,
    /// What it may have; none: as the worker was started with.
    pub limits: Option<ProgramLimits>,
    /// What it finds in the place of programs of the tree. Never filled by an element.
    pub stand_ins: Vec<StandIn>,
    /// Names of programs that are noted when they are called, and done later by whoever asked:
    /// see [`Output::deferred`]. Never filled by an element.
    pub defer: Vec<String>,
}

/// A script that a program, and all that it starts, finds in the place of one of the tree's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandIn {
    /// Where it is found.
    pub at: StandInPlace,
    /// What it is, `#!` line included. It is executable for all.
    pub script: String,
}

/// Where a stand-in is found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum StandInPlace {
    /// First on the program's `PATH`, under this name. The tree does not show it.
    Path(String),
    /// In the tree itself while the program runs, where the folder is there and nothing of this
    /// name. What the program puts in its place stays.
    Tree(TargetPath),
}

/// A call of a program that was noted and not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deferred {
    /// The program, one of [`Command::defer`].
    pub program: String,
    /// Its arguments, as one text.
    pub args: String,
}

/// How a program in the target ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Its status; a signal's number plus 128 when one ended it.
    pub status: i32,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// It ran out of its time.
    pub timed_out: bool,
    /// The end of standard output (all of it, up to 16 MiB, with `capture`).
    pub stdout: Vec<u8>,
    /// The end of standard error.
    pub stderr: Vec<u8>,
    /// What was called of [`Command::defer`], in order.
    pub deferred: Vec<Deferred>,
}

/// One line that a program said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// On standard error.
    pub error: bool,
    /// Without its newline; bytes that are no UTF-8 replaced. Control characters still in it.
    pub text: String,
}
