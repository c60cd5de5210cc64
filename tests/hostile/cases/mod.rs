//! All attacks, by what they are made on.

mod archive;
mod description;
mod exec;
pub(crate) mod facts;
mod guest;
mod host;
mod programs;
mod rootfs;
mod secrets;
mod wishes;

use crate::case::Case;

pub(crate) fn all() -> Vec<Case> {
    [
        archive::all(),
        description::all(),
        exec::all(),
        facts::all(),
        guest::all(),
        host::all(),
        programs::all(),
        rootfs::all(),
        secrets::all(),
        wishes::all(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
