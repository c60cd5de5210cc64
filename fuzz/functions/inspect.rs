//! No disk makes `inspect` panic, run on for ever or read beyond it; what it finds has names, stands on
//! what comes before it, and can be shown; and what is a graph is the same graph when it is read again.
//!
//! The bytes are pieces: where each begins, in steps of half a KiB, and how long it is; with marks that
//! no fuzzer finds by itself. A disk whose checksums are right comes from the corpus: what
//! `dibhost` made, taken to pieces.

use std::collections::BTreeSet;
use std::io;

use dibhost_block_device::{InspectedDisk, inspect};
use dibhost_volumes::Medium;

/// Bytes of each disk: what a small volume group, or an array and a table in it, need.
const SIZE: u64 = 16 << 20;
const STEP: u64 = 512;

/// A disk of which pieces are known, and the rest is zeros.
struct Pieces(Vec<(u64, Vec<u8>)>);

impl Pieces {
    fn new(data: &[u8]) -> Self {
        let mut pieces = Vec::new();
        let mut left = data;
        while let [low, high, marked, length, rest @ ..] = left {
            let at = u64::from(u16::from_le_bytes([*low, *high])) % (SIZE / STEP) * STEP;
            let (piece, rest) = rest.split_at(rest.len().min(usize::from(*length) * 16));
            left = rest;
            let piece = [mark(*marked), piece].concat();
            pieces.push((at, piece[..piece.len().min((SIZE - at) as usize)].to_vec()));
        }
        Self(pieces)
    }
}

/// What a piece may begin with.
fn mark(which: u8) -> &'static [u8] {
    const MARKS: &[&[u8]] = &[
        b"",
        b"LUKS\xba\xbe\0\x02",
        b"SKUL\xba\xbe\0\x02",
        b"LABELONE",
        b"\xfc\x4e\x2b\xa9\x01\0\0\0",
        b"verity\0\0\x01\0\0\0\x01\0\0\0",
        b"EFI PART\0\0\x01\0\x5c\0\0\0",
        b"XFSB",
        b"hsqs",
        b"\xe2\xe1\xf5\xe0",
    ];
    MARKS[usize::from(which) % MARKS.len()]
}

impl Medium for Pieces {
    fn size(&self) -> u64 {
        SIZE
    }

    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        let end = offset.checked_add(bytes.len() as u64).filter(|end| *end <= SIZE);
        let Some(end) = end else { return Err(io::ErrorKind::UnexpectedEof.into()) };
        bytes.fill(0);
        for (at, piece) in &self.0 {
            let from = offset.max(*at);
            let to = end.min(at + piece.len() as u64);
            if from < to {
                let piece = &piece[(from - at) as usize..(to - at) as usize];
                bytes[(from - offset) as usize..(to - offset) as usize].copy_from_slice(piece);
            }
        }
        Ok(())
    }

    fn write_all_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        panic!("a reader writes")
    }
}

pub(crate) fn inspect_disks(data: &[u8]) {
    let Some((kind, data)) = data.split_first() else { return };
    // One disk, or two that may belong together.
    let at = if kind & 1 == 0 { data.len() } else { data.len() / 2 };
    let media = [Pieces::new(&data[..at]), Pieces::new(&data[at..])];
    let sector_size = [None, Some(512), Some(4096), None][usize::from(kind >> 1 & 3)];
    let disks: Vec<_> = media
        .iter()
        .map(|medium| InspectedDisk { name: "disk".to_owned(), medium, sector_size })
        .collect();
    let found = inspect(&disks, &[]);
    let mut seen = BTreeSet::new();
    for found in &found.nodes {
        assert!(found.node.on.iter().all(|on| seen.contains(on)), "{:?}", found.node);
        assert!(seen.insert(found.node.name.clone()), "{:?}", found.node);
        if let Some(place) = &found.facts.place {
            assert!(place.extent.offset.checked_add(place.extent.size).is_some_and(|e| e <= SIZE));
        }
    }
    let text = found.to_text();
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
    if let Ok(graph) = found.graph() {
        assert_eq!(graph.nodes().len(), found.nodes.len());
    }
    assert_eq!(found, inspect(&disks, &[]));
}
