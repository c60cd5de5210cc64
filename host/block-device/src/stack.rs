//! The volumes of a layout as media: what is written to a logical volume on an encrypted RAID ends
//! up, encrypted, at its places on the disks' files.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;

use crate::layout::Layout;
use crate::medium::{FileMedium, Medium, within};
use crate::place::Extent;

/// Files of disks, and keys of what is open.
pub(crate) struct Stack<'a> {
    pub(crate) layout: &'a Layout,
    /// By the node of the disk.
    pub(crate) files: &'a BTreeMap<String, File>,
}

/// A medium of any kind.
pub(crate) type Boxed<'a> = Box<dyn Medium + Send + Sync + 'a>;

fn missing(node: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("there is no volume `{node}`"))
}

impl Stack<'_> {
    /// The medium that a disk, partition or volume is. A thin volume is none: its chunks have no
    /// place before they are written.
    pub(crate) fn medium(&self, node: &str) -> io::Result<Boxed<'_>> {
        if let Some(disk) = self.layout.disks.iter().find(|disk| disk.node == node) {
            let file = self.files.get(node).ok_or_else(|| missing(node))?;
            let extent = Extent { offset: 0, size: disk.size };
            return Ok(Box::new(FileMedium::new(file, extent)));
        }
        if let Some((partition, table)) = self.layout.partition(node) {
            let lower = self.medium(&table.on)?;
            return Ok(Box::new(Part { lower, extent: partition.extent }));
        }
        Err(missing(node))
    }
}

/// A part of a medium.
pub(crate) struct Part<'a> {
    pub(crate) lower: Boxed<'a>,
    pub(crate) extent: Extent,
}

impl Medium for Part<'_> {
    fn size(&self) -> u64 {
        self.extent.size
    }

    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        within(self.extent.size, bytes.len(), offset)?;
        self.lower.read_exact_at(bytes, self.extent.offset + offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        within(self.extent.size, bytes.len(), offset)?;
        self.lower.write_all_at(bytes, self.extent.offset + offset)
    }
}
