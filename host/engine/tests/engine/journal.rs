//! What the twins of a build were asked for, and the one call that is to fail.
#![allow(unreachable_pub, reason = "all of it is for the modules beside it")]

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dibhost_engine::BuildFailure;
use dibhost_packages::PackageError;
use dibhost_sys::Cancel;
use dibhost_tree::TargetError;

use crate::tree::{Listing, listing};

/// In which way a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// It says so.
    Error,
    /// There is no room left.
    Full,
    /// It does not come back until the build is cancelled.
    Hang,
    /// The worker process is gone, and with it all that follows.
    Death,
}

pub const WAYS: [Way; 4] = [Way::Error, Way::Full, Way::Hang, Way::Death];

/// What all twins were asked for, and the one call that is to fail.
#[derive(Debug, Default)]
pub struct Journal {
    pub calls: Vec<String>,
    pub fails: Option<(usize, Way)>,
    /// Cancelled when this is asked for.
    pub cancel_at: Option<String>,
    /// The tree whose state is kept at each call.
    pub watches: Option<PathBuf>,
    /// What was in it when each call came.
    pub trees: Vec<Listing>,
    dead: bool,
}

/// Shared by the twins of one build.
#[derive(Debug, Clone, Default)]
pub struct Shared {
    pub journal: Arc<Mutex<Journal>>,
    pub cancel: Cancel,
}

impl Shared {
    pub fn enter(&self, call: String) -> Result<(), Way> {
        let mut journal = self.journal.lock().unwrap();
        let turn = journal.calls.len();
        if journal.cancel_at.as_deref().is_some_and(|at| call.starts_with(at)) {
            self.cancel.cancel();
        }
        journal.calls.push(call);
        let state = journal.watches.as_deref().map(listing);
        journal.trees.extend(state);
        if journal.dead {
            return Err(Way::Death);
        }
        let Some((at, way)) = journal.fails.filter(|(at, _)| *at == turn) else { return Ok(()) };
        assert_eq!(at, turn);
        journal.dead = way == Way::Death;
        drop(journal);
        if way == Way::Hang {
            let cancel = self.cancel.clone();
            std::thread::spawn(move || cancel.cancel());
            while !self.cancel.is_cancelled() {
                std::thread::sleep(Duration::from_micros(100));
            }
        }
        Err(way)
    }

    pub fn tree(&self, call: impl Into<String>) -> Result<(), TargetError> {
        self.enter(call.into()).map_err(of_tree)
    }

    pub fn packages(&self, call: impl Into<String>) -> Result<(), PackageError> {
        self.enter(call.into()).map_err(|way| match way {
            Way::Error => PackageError::Unreachable("nobody answers".to_owned()),
            Way::Full => PackageError::NoSpace {
                doing: "keeping packages".to_owned(),
                detail: "No space left on device".to_owned(),
                advice: "make room",
            },
            Way::Hang => PackageError::Cancelled,
            Way::Death => of_tree(way).into(),
        })
    }

    pub fn build(&self, call: impl Into<String>) -> Result<(), BuildFailure> {
        self.enter(call.into()).map_err(|way| BuildFailure::new(of_tree(way)))
    }
}

pub fn of_tree(way: Way) -> TargetError {
    match way {
        Way::Error => TargetError::Conflict("it does not want to".to_owned()),
        Way::Full => TargetError::Os {
            doing: "writing".to_owned(),
            name: "ENOSPC".to_owned(),
            message: "No space left on device".to_owned(),
        },
        Way::Hang => TargetError::Cancelled,
        Way::Death => TargetError::Gone("killed".to_owned()),
    }
}
