//! All attacks, by what they are made on.

mod archive;
mod description;
mod exec;
pub(crate) mod facts;
mod files;
mod guest;
mod host;
mod host_writes;
mod inputs;
mod programs;
mod rootfs;
mod secrets;
mod stand_ins;
mod wishes;

use crate::case::Case;

pub(crate) fn all() -> Vec<Case> {
    [
        archive::all(),
        description::all(),
        exec::all(),
        facts::all(),
        files::all(),
        guest::all(),
        host::all(),
        host_writes::all(),
        inputs::all(),
        programs::all(),
        rootfs::all(),
        secrets::all(),
        stand_ins::all(),
        wishes::all(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
