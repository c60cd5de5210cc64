//! Where partitions lie: arithmetic alone.

pub(crate) mod gpt;
mod ground;
pub mod mbr;

pub use ground::{Ground, NoPlace};
