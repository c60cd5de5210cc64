//! Makes a layout real, in new files, one for each disk, or on a device that is there.

mod backend;
mod error;
mod filesystems;
mod means;
mod secrets;
mod volumes;
mod write;

pub use backend::{Backend, realise};
pub use error::RealiseError;
pub(crate) use means::Means;
pub use means::{Realise, Realised};
pub(crate) use secrets::Fetched;
pub(crate) use volumes::{of_mbr, write_table};
pub(crate) use write::write;
