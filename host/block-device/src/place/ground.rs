//! What partitions are placed on, and why one has no place.

use dibhost_text::rounded_size;

use crate::node::Size;
use crate::percent::percent;

/// A disk that partitions are placed on.
#[derive(Debug, Clone, Copy)]
pub struct Ground {
    /// Bytes; none: as large as need be.
    pub disk: Option<u64>,
    /// Bytes: 512 or 4096.
    pub sector: u64,
    /// Bytes, whole sectors: partitions start at multiples of it.
    pub alignment: u64,
    /// Bytes between the table and the first partition that a boot loader takes.
    pub ahead: u64,
}

/// A partition that has no place, by its index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoPlace {
    /// From 0.
    pub index: usize,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub help: &'static str,
}

impl NoPlace {
    pub(crate) fn too_large(index: usize) -> Self {
        Self {
            index,
            problem: "its size is beyond what a disk can have".to_owned(),
            help: "write a smaller size",
        }
    }

    /// It needs `size` bytes, and the disk has `left` from where it would lie.
    pub(crate) fn too_little(index: usize, asked: Size, size: u64, left: u64) -> Self {
        let help = "make the disk larger, or another partition smaller";
        let problem = match asked {
            Size::Rest => "nothing of the disk is left for it".to_owned(),
            Size::Share(share) | Size::ShareOfRest(share) if size == 0 => {
                format!(
                    "{} of the disk come to less than the least that a partition has",
                    percent(share)
                )
            }
            _ => {
                let (size, left) = (rounded_size(size), rounded_size(left));
                format!("it needs {size} and {left} of the disk are left")
            }
        };
        Self { index, problem, help }
    }

    pub(crate) fn share_of_unknown(index: usize) -> Self {
        Self {
            index,
            problem: "it takes a share of a disk whose size comes from its content".to_owned(),
            help: "give the disk a size, or let the partition take `rest` or its content",
        }
    }

    pub(crate) fn unknown_content(index: usize) -> Self {
        Self {
            index,
            problem: "its size comes from its content, and there is none to know".to_owned(),
            help: "put a filesystem or GRUB on it, or write its size in bytes",
        }
    }
}
