//! `/etc/fstab` of the image.

mod lines;
mod settings;

pub(crate) use lines::check;
pub use settings::{FstabBy, FstabSettings};
