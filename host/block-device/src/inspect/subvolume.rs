//! The subvolumes of a btrfs that was found.

use super::finder::Finder;
use super::ground::VolumeAt;
use super::node::{Draft, NodeAt, Wish};
use crate::driver::Driver;
use crate::node::{Node, NodeKind};
use dibhost_volumes::btrfs::{self, BtrfsError, Subvolume};

impl Finder<'_> {
    /// Adds them, on the filesystem's node.
    pub(super) fn subvolumes(&mut self, filesystem: NodeAt, volume: VolumeAt) {
        let mut budget = self.btrfs_budget;
        let read = self.ground.read(volume, |medium| btrfs::subvolumes(medium, &mut budget));
        self.btrfs_budget = budget;
        let draft = &mut self.drafts[filesystem];
        let found = match read.map_err(BtrfsError::Io).and_then(|read| read) {
            Ok(found) => found,
            Err(error) => {
                draft.unknown.push("its subvolumes".to_owned());
                match error {
                    BtrfsError::Unknown(why) => {
                        draft.notes.push(format!("its subvolumes are not looked for: {why}"));
                    }
                    BtrfsError::Broken(_) | BtrfsError::Io(_) => {
                        draft.problems.push(format!("its subvolumes cannot be read: {error}"));
                    }
                }
                return;
            }
        };
        draft.problems.extend(found.damage);
        for subvolume in found.found {
            self.subvolume(filesystem, &subvolume);
        }
    }

    fn subvolume(&mut self, filesystem: NodeAt, found: &Subvolume) {
        let path = String::from_utf8_lossy(&found.path).into_owned();
        let settings = serde_json::json!({"path": path, "default": found.default}).to_string();
        let kind = NodeKind::Driver { name: "subvolume".to_owned(), settings };
        let node = Node { name: "subvolume".to_owned(), on: Vec::new(), kind: kind.clone() };
        if Driver::of(&node).is_err() {
            let note = format!(
                "it has a subvolume `{}`, a path that a graph cannot have",
                path.escape_debug()
            );
            return self.drafts[filesystem].notes.push(note);
        }
        let name = path.replace(['/', '@', '+'], "-");
        let wish = Wish::By(filesystem, "", format!("-{name}"));
        let mut draft = Draft::new(vec![filesystem], wish, kind);
        draft.unknown.push("where it is mounted".to_owned());
        draft.facts.uuid = (!found.uuid.is_nil()).then(|| found.uuid.to_string());
        if found.read_only {
            draft.notes.push("nothing may be written to it, which a graph cannot say".to_owned());
        }
        if found.snapshot {
            draft.notes.push("it is a snapshot, which a graph cannot say".to_owned());
        }
        self.add(draft);
    }
}
