//! Goes from the disks to what lies on them, and on to what lies in that.

use dibhost_filesystems::FilesystemKind;
use dibhost_filesystems::probe::{Signature, SignatureKind, signatures};
use dibhost_volumes::md::MdMetadata;
use dibhost_volumes::verity;

use super::finder::Finder;
use super::ground::VolumeAt;
use super::node::{Draft, NodeAt, Wish, named};
use super::types::Inspection;
use crate::node::NodeKind;

impl Finder<'_> {
    pub(super) fn find(mut self) -> Inspection {
        loop {
            while let Some(volume) = self.queue.pop_front() {
                self.look(volume);
            }
            // What is on several volumes is there once all of them were found.
            let found = self.assemble_arrays() | self.assemble_groups();
            if !found && !self.assemble_degraded() {
                break;
            }
        }
        self.incomplete_arrays();
        self.incomplete_groups();
        self.verity();
        for (volume, signature) in std::mem::take(&mut self.leaves) {
            if let Some(signature) = signature {
                self.filesystem(self.nodes[volume], volume, &signature);
            }
        }
        for (at, disk) in self.ground.disks.iter().enumerate() {
            let draft = &mut self.drafts[at];
            let sector = self.sectors[at].unwrap_or_else(|| {
                draft.unknown.push("the size of a sector, taken as 512 bytes".to_owned());
                512
            });
            let size = disk.medium.size();
            let rest = size % u64::from(sector);
            if rest != 0 {
                draft.notes.push(format!("its last {rest} bytes are no whole sector"));
            }
            draft.kind = NodeKind::Disk { size: Some(size - rest), sector_size: sector };
        }
        Inspection { nodes: named(self.drafts, self.names, &self.disk_names) }
    }

    fn look(&mut self, volume: VolumeAt) {
        let found = match self.ground.read(volume, signatures) {
            Ok(Ok(found)) => found,
            Ok(Err(error)) | Err(error) => {
                return self.problem(volume, &"it cannot be read", &error);
            }
        };
        let Some(first) = found.first() else {
            return self.leaves.push((volume, None));
        };
        let also = match first.kind {
            // A table without partitions may be a boot loader on a filesystem.
            SignatureKind::Mbr if found.len() > 1 && self.is_no_table(volume) => 1,
            _ => 0,
        };
        // A member with its metadata at the end begins as what is in the array.
        let is_outer = first.kind == SignatureKind::RaidMember
            && first.version.as_deref() == Some(MdMetadata::End.name());
        for other in found.iter().skip(also + 1).filter(|_| !is_outer) {
            // A hybrid MBR is of the GPT.
            if (found[also].kind, other.kind) != (SignatureKind::Gpt, SignatureKind::Mbr) {
                self.note(volume, format!("it carries a second signature: {other}"));
            }
        }
        let found = &found[also];
        match found.kind {
            SignatureKind::Luks => self.luks(volume, found),
            SignatureKind::PhysicalVolume => self.physical_volume(volume),
            SignatureKind::RaidMember => self.member(volume),
            SignatureKind::VerityHash => match self.ground.read(volume, verity::read_superblock) {
                Ok(Ok(Some(superblock))) => self.hashes.push((volume, superblock)),
                Ok(Ok(None)) => {}
                Ok(Err(error)) => self.problem(volume, &"its hashes", &error),
                Err(error) => self.problem(volume, &"its hashes", &error),
            },
            SignatureKind::Gpt | SignatureKind::Mbr => self.table(volume, found),
            SignatureKind::Filesystem(_) => self.leaves.push((volume, Some(found.clone()))),
            SignatureKind::Other(_) => {
                self.note(volume, format!("it carries what graphs do not have: {found}"));
            }
        }
    }

    /// Finds the data of hashes among what is left: whose blocks have them.
    fn verity(&mut self) {
        for (hash, superblock) in std::mem::take(&mut self.hashes) {
            let mut data = None;
            for (at, (volume, _)) in self.leaves.iter().enumerate() {
                let mut covered = false;
                let read = self.ground.with_all(&[*volume, hash], &[], &mut |media| {
                    if let [data, hashes] = media {
                        covered = verity::covers(*data, *hashes, &superblock)?;
                    }
                    Ok(())
                });
                if read.is_ok() && covered {
                    data = Some(at);
                    break;
                }
            }
            let uuid = superblock.uuid;
            let Some(data) = data else {
                let note = format!(
                    "it carries the hashes of verity device {uuid}, and no volume that was found \
                     holds the data they are of"
                );
                self.note(hash, note);
                continue;
            };
            let (data, signature) = self.leaves.remove(data);
            let on = vec![self.nodes[data], self.nodes[hash]];
            let wish = Wish::By(self.nodes[data], "verity", String::new());
            let kind = NodeKind::Driver { name: "verity".to_owned(), settings: "{}".to_owned() };
            let mut draft = Draft::new(on, wish, kind);
            let size = superblock.data_blocks.saturating_mul(verity::BLOCK);
            draft.facts.size = Some(size);
            draft.facts.place = self.place(data, size);
            draft.facts.uuid = Some(uuid.to_string());
            draft.notes.push("its root hash is not checked".to_owned());
            let node = self.add(draft);
            if let Some(signature) = signature {
                self.filesystem(node, data, &signature);
            }
        }
    }

    fn filesystem(&mut self, node: NodeAt, volume: VolumeAt, found: &Signature) {
        let SignatureKind::Filesystem(kind) = found.kind else { return };
        let mut draft = Draft::filesystem(node, kind, found);
        let room = self.drafts[node].facts.size.unwrap_or_default();
        if let Some(size) = found.size {
            draft.facts.place = self.place(volume, size).filter(|_| size <= room);
            if size > room {
                draft.problems.push(format!("it takes {size} bytes, and its volume has {room}"));
            }
        }
        // FAT keeps to the sectors of its disk.
        if let (FilesystemKind::Vfat, Some(sector @ (512 | 4096))) = (kind, found.block_size) {
            self.has_sector(volume, sector);
        }
        let node = self.add(draft);
        if kind == FilesystemKind::Btrfs {
            self.subvolumes(node, volume);
        }
    }
}
