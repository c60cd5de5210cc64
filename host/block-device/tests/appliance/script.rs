//! What a machine does with a block device: opens what stands on what, checks sizes and names,
//! lets each filesystem's own tool check it, mounts it and lists it. It is made of the graph and
//! the layout alone, so that no layout needs lines of its own.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use dibhost_block_device::{Graph, TableKind, VolumeMap};
use dibhost_filesystems::FilesystemKind;

use super::case::{Case, EPOCH};

/// The script, and the devices of nodes as far as they are known.
struct Script<'a> {
    case: &'a Case,
    text: String,
    devices: BTreeMap<String, String>,
    arrays: usize,
}

/// The script of a case whose disks are numbered from `first` on.
pub(crate) fn of(case: &Case, first: usize) -> String {
    let mut script = Script { case, text: String::new(), devices: BTreeMap::new(), arrays: 0 };
    for (number, disk) in case.layout.disks.iter().enumerate() {
        script.device(&disk.node, format!("/dev/d/{}", first + number));
    }
    // What stands on something waits until that has a device.
    let mut left: Vec<&str> = case.graph.nodes().iter().map(|node| node.name.as_str()).collect();
    while !left.is_empty() {
        let before = left.len();
        left.retain(|node| !script.node(node));
        if left.len() == before {
            script.line(&format!("fail 'no device for {}'", left.join(" ")));
            break;
        }
    }
    script.filesystems();
    script.text
}

/// As device-mapper calls a logical volume.
fn mapped(group: &str, volume: &str) -> String {
    format!("/dev/mapper/{}-{}", group.replace('-', "--"), volume.replace('-', "--"))
}

impl Script<'_> {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// A node has a device; it is as large as it should be.
    fn device(&mut self, node: &str, device: String) {
        if let Some(size) = self.case.layout.size_of(node) {
            self.line(&format!("size {device} {size}"));
        }
        self.devices.insert(node.to_owned(), device);
    }

    /// Opens a node; not if what it stands on is not open yet.
    fn node(&mut self, name: &str) -> bool {
        let graph: &Graph = &self.case.graph;
        let Some(node) = graph.node(name) else { return true };
        let mut below = Vec::new();
        for on in &node.on {
            let Some(device) = self.devices.get(on) else { return false };
            below.push(device.clone());
        }
        if self.devices.contains_key(name) {
            return true;
        }
        let map = self.case.layout.volume(name).map(|volume| (volume.id, &volume.map));
        if let Some((partition, _)) = self.case.layout.partition(name) {
            let table = &below[0];
            let part = if table.starts_with("/dev/md") { "p" } else { "-" };
            let device = format!("{table}{part}{}", partition.number);
            let partition = graph.partitions().iter().find(|p| p.node == name);
            let id = partition.and_then(|p| graph.partuuid(&self.case.identities, p));
            if let Some(id) = id {
                self.line(&format!("tags {device} PART_ENTRY_UUID={id}"));
            }
            self.device(name, device);
        } else if let Some((id, VolumeMap::Luks { secrets, label, .. })) = map {
            let (on, device) = (&below[0], format!("/dev/mapper/{name}"));
            let label = label.as_ref().map(|label| format!(" LABEL={label}"));
            let label = label.unwrap_or_default();
            self.line(&format!("tags {on} TYPE=crypto_LUKS UUID={id}{label}"));
            // Argon2 takes ten seconds in emulation; that each secret opens it, a proof of its own
            // shows, and the host's `cryptsetup` has read this key by the first of them.
            let key = match self.case.volume_keys.get(name) {
                Some(_) => format!("--volume-key-file /job/keys/{}-{name}", self.case.name),
                None => format!("--key-file /job/keys/{}", secrets[0]),
            };
            self.line(&format!("luks {on} {name} {key}"));
            self.device(name, device);
        } else if let Some((_, VolumeMap::Raid { name: array, level, .. })) = map {
            self.arrays += 1;
            let device = format!("/dev/md{}", 9 + self.arrays);
            let level = match level {
                dibhost_block_device::RaidLevel::Stripe => "raid0",
                dibhost_block_device::RaidLevel::Mirror => "raid1",
            };
            self.line(&format!("array {device} {level} {}", below.join(" ")));
            self.line(&format!("grep -q 'Name : {array}' $OUT/detail"));
            self.device(name, device);
        } else if let Some((_, VolumeMap::Verity { .. })) = map {
            let root = &self.case.realised.root_hashes[name];
            let (data, hash) = (&below[0], &below[1]);
            self.line(&format!("veritysetup verify {data} {hash} {root}"));
            self.line(&format!("veritysetup open {data} {name} {hash} {root}"));
            self.device(name, format!("/dev/mapper/{name}"));
        } else if graph.volume_groups().iter().any(|group| group.node == name) {
            self.line(&format!("group {name} {}", below.join(" ")));
            self.devices.insert(name.to_owned(), format!("/dev/{name}"));
        } else if let Some(volume) = graph.logical_volumes().iter().find(|lv| lv.node == name) {
            let group = volume.group.clone();
            if volume.is_thin_pool {
                self.devices.insert(name.to_owned(), String::new());
            } else {
                self.device(name, mapped(&group, name));
            }
        } else if graph.tables().iter().any(|t| t.node == name && t.kind == TableKind::Gpt) {
            self.line(&format!("table {}", below[0]));
            self.devices.insert(name.to_owned(), below[0].clone());
        } else {
            // MBRs, physical volumes, filesystems, subvolumes: on the device below.
            let device = below.first().cloned().unwrap_or_default();
            self.devices.insert(name.to_owned(), device);
        }
        true
    }

    fn filesystems(&mut self) {
        let case = self.case;
        for filesystem in case.graph.filesystems() {
            let device = self.devices.get(&filesystem.on).cloned().unwrap_or_default();
            let kind = filesystem.kind.name();
            let mut tags = format!("tags {device} TYPE={kind}");
            if let Some(label) = &filesystem.label {
                let _ = write!(tags, " LABEL={label}");
            }
            if filesystem.kind.has_uuid() {
                let id = &case.identities.filesystems[&filesystem.node].uuid;
                let _ = write!(tags, " UUID={id}");
            }
            self.line(&tags);
            if filesystem.kind == FilesystemKind::Swap {
                self.line(&format!("swap {device}"));
                continue;
            }
            self.line(&format!("check {kind} {device}"));
            for mount in case.graph.mounts_of(&filesystem.node) {
                let mut options = String::new();
                if filesystem.kind == FilesystemKind::Vfat {
                    options.push_str(",umask=022,tz=UTC,utf8=1");
                }
                if let Some(subvolume) = &mount.subvolume {
                    let found = case.graph.subvolumes().iter().find(|s| s.node == *subvolume);
                    let path = found.map_or("", |subvolume| &subvolume.path);
                    let _ = write!(options, ",subvol={path}");
                }
                let node = &mount.node;
                self.line(&format!("list {kind} {device} {node} {EPOCH} '{options}'"));
            }
            let verified = case
                .graph
                .verities()
                .iter()
                .any(|verity| verity.node == filesystem.on || verity.data == filesystem.on);
            if !filesystem.kind.is_read_only() && !verified {
                self.line(&format!("writes {kind} {device}"));
            }
        }
    }
}
