//! DIB's nodes made into ours.
//!
//! A `partitioning` is a node here and none to DIB; an `lvm` as a whole is one to DIB and none
//! here; `fstab` is part of its mount; swap space has no mount. Everything else is one to one.

use std::collections::{HashMap, HashSet};
use std::fmt;

use super::diagnostic::Diagnostic;
use super::file::Dib;
use super::node::{Built, Detail, LogicalVolume, Mkfs, Partition, Text};
use super::option::{LvmOptions, of_lvm, of_mkfs};
use super::partition_code;
use super::size::{self, DibSize};
use super::yaml::escaped;
use dibhost_block_device::{FileError as DibError, Position};
use dibhost_block_device::{Node, NodeKind, Size, TableKind};

/// LVM's default, and what DIB rounds sizes of logical volumes down to.
const EXTENT: u64 = 4 << 20;
const NAME_LENGTH: usize = 64;

/// Our nodes of a file.
#[derive(Debug, Clone)]
pub struct DibLayout {
    /// For [`dibhost_block_device::Graph::new`].
    pub nodes: Vec<Node>,
    /// Where each of them is in the file.
    pub positions: Vec<Position>,
    /// What fstab holds, in its order. Fit for one only once [`dibhost_block_device::Graph::new`] took the nodes:
    /// labels, kinds and mount points are checked there.
    pub fstab: Vec<DibFstabLine>,
    /// What a reader of the file should know, in its order: [`Dib::diagnostics`] among it.
    pub diagnostics: Vec<Diagnostic>,
}

/// A line of fstab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DibFstabLine {
    /// The filesystem's label.
    pub label: String,
    /// Where it is mounted; `none` for swap space.
    pub at: String,
    /// Its kind.
    pub kind: String,
    /// Its mount options, as the file has them.
    pub options: String,
    /// For `dump`.
    pub dump_frequency: u8,
    /// For `fsck`.
    pub pass: u8,
}

impl fmt::Display for DibFstabLine {
    /// As DIB's `writefstab` does, without the line's end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { label, at, kind, options, dump_frequency, pass } = self;
        write!(f, "LABEL={label} {at} {kind} {options} {dump_frequency} {pass}")
    }
}

/// Names of ours for names of DIB's, which may be any text.
struct Names {
    of: HashMap<String, String>,
    taken: HashSet<String>,
}

impl Names {
    fn new(nodes: &[Built]) -> Self {
        let mut names = Self { of: HashMap::new(), taken: HashSet::new() };
        // Those that are fine as they are keep their names, whatever the others become.
        let fine = |name: &str| clean(name) == name;
        for node in nodes.iter().filter(|node| fine(&node.name.text)) {
            names.taken.insert(node.name.text.clone());
            names.of.insert(node.name.text.clone(), node.name.text.clone());
        }
        for node in nodes.iter().filter(|node| !fine(&node.name.text)) {
            let name = names.fresh(&node.name.text);
            names.of.insert(node.name.text.clone(), name);
        }
        names
    }

    /// A name that nobody has yet, as near to this as can be.
    fn fresh(&mut self, wanted: &str) -> String {
        let wanted = clean(wanted);
        let mut name = wanted.clone();
        let mut number = 2;
        while !self.taken.insert(name.clone()) {
            let suffix = format!("-{number}");
            let most = NAME_LENGTH - suffix.len();
            name = format!("{}{suffix}", &wanted[..wanted.len().min(most)]);
            number += 1;
        }
        name
    }

    fn get(&self, name: &str) -> String {
        self.of.get(name).cloned().unwrap_or_else(|| clean(name))
    }
}

fn clean(name: &str) -> String {
    let fine = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let name: String = name.chars().map(fine).take(NAME_LENGTH).collect();
    if name.is_empty() { "node".into() } else { name }
}

/// What a mount's `fstab` says.
struct Fstab {
    options: String,
    dump_frequency: u8,
    pass: u8,
}

impl Dib {
    /// Our nodes, from the disks upwards.
    ///
    /// # Errors
    /// What DIB finds only when it makes the disk, and what means nothing here. The rest, such as a
    /// UUID that is none, is for [`dibhost_block_device::Graph::new`] and the layout to find.
    pub fn layout(&self) -> Result<DibLayout, DibError> {
        let mut conversion = Conversion {
            dib: self,
            names: Names::new(&self.nodes),
            tables: vec![None; self.tables.len()],
            groups: HashMap::new(),
            logical: HashSet::new(),
            made: Vec::new(),
            fstab: Vec::new(),
            diagnostics: self.diagnostics.clone(),
        };
        conversion.run()?;
        let Conversion { made, fstab, mut diagnostics, .. } = conversion;
        diagnostics.sort_by_key(|diagnostic| diagnostic.at);
        let (nodes, positions) = made.into_iter().unzip();
        Ok(DibLayout { nodes, positions, fstab, diagnostics })
    }
}

struct Conversion<'a> {
    dib: &'a Dib,
    names: Names,
    /// Our names of the tables, once they are there.
    tables: Vec<Option<String>>,
    /// Extent sizes of the volume groups.
    groups: HashMap<&'a str, u64>,
    /// Tables with a logical partition.
    logical: HashSet<usize>,
    made: Vec<(Node, Position)>,
    fstab: Vec<DibFstabLine>,
    diagnostics: Vec<Diagnostic>,
}

impl<'a> Conversion<'a> {
    fn run(&mut self) -> Result<(), DibError> {
        let dib = self.dib;
        let by_name: HashMap<&str, &Built> =
            dib.nodes.iter().map(|node| (node.name.text.as_str(), node)).collect();
        let fstab = self.fstab_of_mounts(&by_name)?;
        // In call order, in which partitions of a table are in the file's.
        for node in &dib.graph.nodes {
            let Some(built) = by_name.get(node.name.as_str()) else { continue };
            let (on, kind) = match &built.detail {
                Detail::LocalLoop { size, block_size, directory } => {
                    if let Some(directory) = directory {
                        let problem = "`directory` is left out";
                        let help = "say where images go on the command line";
                        self.diagnostics.push(Diagnostic::warning(directory.at, problem, help));
                    }
                    let sector_size = self.sector_size(block_size.as_ref())?;
                    (Vec::new(), NodeKind::Disk { size: *size, sector_size })
                }
                Detail::Partition(partition) => self.partition(&built.name, partition)?,
                Detail::PhysicalVolume { base, options } => {
                    self.lvm_options("pvcreate", options)?;
                    (vec![self.names.get(&base.text)], NodeKind::PhysicalVolume)
                }
                Detail::VolumeGroup { base, options } => {
                    let meant = self.lvm_options("vgcreate", options)?;
                    let extent_size = meant.extent_size.unwrap_or(EXTENT);
                    self.groups.insert(&built.name.text, extent_size);
                    let on = base.iter().map(|base| self.names.get(&base.text)).collect();
                    (on, NodeKind::VolumeGroup { extent_size })
                }
                Detail::LogicalVolume(volume) => self.logical_volume(&built.name, volume)?,
                Detail::Mkfs(mkfs) => self.filesystem(mkfs)?,
                Detail::Mount { base, point } => {
                    let Some(Detail::Mkfs(mkfs)) = by_name.get(&*base.text).map(|b| &b.detail)
                    else {
                        let problem =
                            format!("`{}` is no filesystem to mount", escaped(&base.text));
                        return Err(DibError::new(base.at, problem, "name a `mkfs`"));
                    };
                    let entry = fstab.get(node.name.as_str());
                    match self.mount(mkfs, base, point, entry)? {
                        Some(mount) => mount,
                        None => continue,
                    }
                }
                Detail::Lvm { .. } | Detail::Fstab { .. } => continue,
            };
            let name = self.names.get(&node.name);
            self.made.push((Node { name, on, kind }, node.at));
        }
        Ok(())
    }

    fn sector_size(&self, text: Option<&Text>) -> Result<u32, DibError> {
        if let Some(size) = self.dib.block_size {
            return Ok(size);
        }
        let Some(text) = text else { return Ok(512) };
        match text.text.as_str() {
            "512" => Ok(512),
            "4096" => Ok(4096),
            other => {
                let problem = format!("a sector of `{}` bytes", escaped(other));
                Err(DibError::new(text.at, problem, "write `512` or `4096`"))
            }
        }
    }

    fn table(&mut self, index: usize) -> Result<String, DibError> {
        if let Some(name) = &self.tables[index] {
            return Ok(name.clone());
        }
        let table = &self.dib.tables[index];
        let name = self.names.fresh(&table.name.text);
        self.tables[index] = Some(name.clone());
        let kind = NodeKind::Table { kind: table.kind, alignment: table.alignment };
        let on = vec![self.names.get(&table.base.text)];
        self.made.push((Node { name: name.clone(), on, kind }, table.name.at));
        Ok(name)
    }

    fn partition(
        &mut self,
        name: &Text,
        partition: &Partition,
    ) -> Result<(Vec<String>, NodeKind), DibError> {
        let table = self.table(partition.table)?;
        let kind = self.dib.tables[partition.table].kind;
        let text = &partition.size;
        let size = match size::relative(&text.text) {
            Ok(DibSize::Bytes(bytes)) => Size::Bytes(bytes),
            Ok(DibSize::Share(1_000_000)) => Size::Rest,
            Ok(DibSize::Share(share)) => Size::ShareOfRest(share),
            Err((problem, help)) => return Err(DibError::new(text.at, problem, help)),
        };
        if matches!(size, Size::Bytes(0) | Size::ShareOfRest(0)) {
            let problem = format!("the size `{}` comes to nothing", escaped(&text.text));
            return Err(DibError::new(text.at, problem, "write `8MiB`, `100%` or another"));
        }
        let mut attributes = Vec::new();
        let (label, type_id) = match kind {
            TableKind::Gpt => {
                if let Some(at) = partition.boot {
                    let problem = "the flag `boot` has no effect in a GPT, as with DIB";
                    self.diagnostics.push(Diagnostic::note(at, problem, "leave it out"));
                }
                let type_id = match &partition.type_id {
                    None => "linux-generic".to_owned(),
                    Some(text) => partition_code::of_gpt(&text.text)
                        .map_err(|help| no_type(text, "GPT", help))?
                        .to_owned(),
                };
                (name.text.clone(), type_id)
            }
            TableKind::Mbr => {
                if partition.boot.is_some() {
                    attributes.push("active".to_owned());
                }
                if !partition.primary {
                    self.logical.insert(partition.table);
                    attributes.push("logical".to_owned());
                } else if self.logical.contains(&partition.table) {
                    let problem = "All primary partitions must be given first";
                    let help = "move it up, or leave the flag `primary` out";
                    return Err(DibError::new(name.at, problem, help));
                }
                (String::new(), self.mbr_type(partition)?)
            }
        };
        let preserve = false;
        Ok((vec![table], NodeKind::Partition { label, type_id, size, attributes, preserve }))
    }

    fn mbr_type(&mut self, partition: &Partition) -> Result<String, DibError> {
        let Some(text) = &partition.type_id else { return Ok("linux-generic".into()) };
        let of = partition_code::of_mbr(&text.text).map_err(|help| no_type(text, "MBR", help))?;
        if let Some(byte) = of.translated {
            let shown = escaped(&text.text);
            let problem = format!("`{shown}` is a type of a GPT, and an MBR has `0x{byte:02x}`");
            let help = format!("write `'0x{byte:02x}'`, or `label: gpt`");
            self.diagnostics.push(Diagnostic::warning(text.at, problem, help));
        }
        Ok(of.type_id)
    }

    fn lvm_options(&mut self, program: &str, options: &[Text]) -> Result<LvmOptions, DibError> {
        of_lvm(program, options, &mut self.diagnostics)
    }

    fn logical_volume(
        &mut self,
        name: &Text,
        volume: &LogicalVolume,
    ) -> Result<(Vec<String>, NodeKind), DibError> {
        let meant = self.lvm_options("lvcreate", &volume.options)?;
        let extent = self.groups.get(volume.base.text.as_str()).copied().unwrap_or(EXTENT);
        let segment = volume.segment.as_ref().map(|text| text.text.as_str());
        let thin_pool = match (segment, &volume.thin_pool) {
            (Some("thin"), Some(pool)) => {
                let is_pool = |built: &&Built| {
                    let of = |v: &LogicalVolume| {
                        v.segment.as_ref().is_some_and(|s| s.text == "thin-pool")
                            && v.base.text == volume.base.text
                    };
                    built.name.text == pool.text
                        && matches!(&built.detail, Detail::LogicalVolume(v) if of(v))
                };
                if !self.dib.nodes.iter().any(|built| is_pool(&built)) {
                    let group = escaped(&volume.base.text);
                    let problem = format!("`{}` is no thin pool of `{group}`", escaped(&pool.text));
                    let help = "name a volume of the same group with `type: thin-pool`";
                    return Err(DibError::new(pool.at, problem, help));
                }
                Some(self.names.get(&pool.text))
            }
            (Some("thin"), None) => {
                let help = "name the pool by `thin-pool`";
                return Err(DibError::new(name.at, "a thin volume needs a pool", help));
            }
            (_, Some(pool)) => {
                let problem = "`thin-pool` of a volume that is not thin";
                return Err(DibError::new(pool.at, problem, "write `type: thin`"));
            }
            (_, None) => None,
        };
        let size = match (&volume.size, &volume.extents) {
            (Some(text), extents) => {
                if let Some(extents) = extents {
                    let problem = "`extents` is left out, as there is a `size`";
                    let warning = Diagnostic::warning(extents.at, problem, "keep one of them");
                    self.diagnostics.push(warning);
                }
                self.volume_bytes(text, extent)?
            }
            (None, Some(text)) => extents(text, extent, thin_pool.is_some())?,
            (None, None) => Size::Rest,
        };
        let kind = NodeKind::LogicalVolume {
            size,
            thin_pool,
            is_thin_pool: segment == Some("thin-pool"),
            stripes: meant.stripes.unwrap_or(1),
        };
        Ok((vec![self.names.get(&volume.base.text)], kind))
    }

    /// DIB rounds down to 4 MiB, and `lvcreate` up to the group's extents.
    fn volume_bytes(&mut self, text: &Text, extent: u64) -> Result<Size, DibError> {
        let asked = size::absolute(&text.text)
            .map_err(|(problem, help)| DibError::new(text.at, problem, help))?;
        let explained = size::explained(&text.text, asked);
        let bytes = (asked - asked % EXTENT).next_multiple_of(extent);
        if bytes == 0 {
            let problem = format!("{explained}, which is less than one extent of {EXTENT} bytes");
            return Err(DibError::new(text.at, problem, "write `4MiB` at least"));
        }
        if bytes != asked {
            let way = if bytes < asked { "down" } else { "up" };
            let problem = format!("{explained}, rounded {way} to whole extents: {bytes} bytes");
            let help = format!("write `{bytes}B` to say so, or another size");
            self.diagnostics.push(Diagnostic::note(text.at, problem, help));
        }
        Ok(Size::Bytes(bytes))
    }

    fn filesystem(&mut self, mkfs: &Mkfs) -> Result<(Vec<String>, NodeKind), DibError> {
        let tuning = match &mkfs.options {
            Some(options) => of_mkfs(&mkfs.kind.text, options, &mut self.diagnostics)?,
            None => Vec::new(),
        };
        let kind = NodeKind::Filesystem {
            kind: kernel_name(&mkfs.kind.text).to_owned(),
            label: Some(label(mkfs)),
            uuid: mkfs.uuid.as_ref().map(|uuid| uuid.text.clone()),
            tuning,
        };
        Ok((vec![self.names.get(&mkfs.base.text)], kind))
    }

    /// None: swap space, which is not mounted.
    fn mount(
        &mut self,
        mkfs: &Mkfs,
        base: &Text,
        point: &Text,
        fstab: Option<&Fstab>,
    ) -> Result<Option<(Vec<String>, NodeKind)>, DibError> {
        let swap = mkfs.kind.text == "swap";
        let at = if swap { "none" } else { point.text.as_str() };
        if !swap && !at.starts_with('/') {
            let problem = format!("`{}` is no mount point", escaped(at));
            return Err(DibError::new(point.at, problem, "write an absolute path, such as `/var`"));
        }
        if let Some(fstab) = fstab {
            self.fstab.push(DibFstabLine {
                label: label(mkfs),
                at: at.to_owned(),
                kind: kernel_name(&mkfs.kind.text).to_owned(),
                options: if swap { "sw".into() } else { fstab.options.clone() },
                dump_frequency: if swap { 0 } else { fstab.dump_frequency },
                pass: if swap { 0 } else { fstab.pass },
            });
        }
        if swap {
            return Ok(None);
        }
        let mut options = Vec::new();
        if let Some(fstab) = fstab {
            options.extend(fstab.options.split(',').map(str::to_owned));
            options.push("x-dibhost.by=label".into());
            options.push(format!("x-dibhost.dump={}", fstab.dump_frequency));
            options.push(format!("x-dibhost.pass={}", fstab.pass));
        }
        let in_fstab = fstab.is_some();
        let kind = NodeKind::Mount { at: at.to_owned(), options, in_fstab };
        Ok(Some((vec![self.names.get(&base.text)], kind)))
    }

    /// What fstab says of each mount.
    fn fstab_of_mounts(
        &self,
        by_name: &HashMap<&str, &Built>,
    ) -> Result<HashMap<&'a str, Fstab>, DibError> {
        let mut mounts = HashMap::new();
        for node in &self.dib.nodes {
            let Detail::Fstab { base, options, dump, pass } = &node.detail else { continue };
            let mount = by_name.get(base.text.as_str()).map(|built| &built.detail);
            if !matches!(mount, Some(Detail::Mount { .. })) {
                let problem = format!("`{}` is no mount to be in fstab", escaped(&base.text));
                return Err(DibError::new(base.at, problem, "name a `mount`"));
            }
            let options = match options {
                None => "defaults".to_owned(),
                Some(text) => {
                    // fstab ends a field at a blank, and starts a comment at `#`.
                    let bad = |c: char| c.is_whitespace() || c.is_control() || "#\\\"'".contains(c);
                    if text.text.is_empty() || text.text.contains(bad) {
                        let shown = escaped(&text.text);
                        let problem = format!("`{shown}` is no field of fstab");
                        let help = "write options with commas and without blanks between them";
                        return Err(DibError::new(text.at, problem, help));
                    }
                    text.text.clone()
                }
            };
            let dump_frequency = digit(dump.as_ref(), 0)?;
            let pass = digit(pass.as_ref(), 2)?;
            let entry = Fstab { options, dump_frequency, pass };
            if mounts.insert(base.text.as_str(), entry).is_some() {
                let problem = format!("`{}` has a second `fstab`", escaped(&base.text));
                return Err(DibError::new(node.name.at, problem, "keep one of them"));
            }
        }
        Ok(mounts)
    }
}

/// A label made of a node's name has no character that a line of fstab ends a field at, or that FAT
/// does not take.
fn label(mkfs: &Mkfs) -> String {
    let fine = |c: char| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '-' };
    match mkfs.label_given {
        true => mkfs.label.text.clone(),
        false => mkfs.label.text.chars().map(fine).collect(),
    }
}

/// As `mount` and fstab call it: `mkfs.fat` has two names, and the kernel's filesystem one.
fn kernel_name(kind: &str) -> &str {
    if kind == "fat" { "vfat" } else { kind }
}

fn no_type(text: &Text, of: &str, help: String) -> DibError {
    let problem = format!("`{}` is no type of a partition of {of}", escaped(&text.text));
    DibError::new(text.at, problem, help)
}

fn digit(text: Option<&Text>, default: u8) -> Result<u8, DibError> {
    let Some(text) = text else { return Ok(default) };
    let digit = text.text.parse::<u8>().ok().filter(|digit| *digit <= 9);
    digit.ok_or_else(|| {
        let problem = format!("`{}` is no field of fstab", escaped(&text.text));
        DibError::new(text.at, problem, "write `0`, `1` or `2`")
    })
}

/// `lvcreate -l`: extents, or a part of the group.
fn extents(text: &Text, extent: u64, thin: bool) -> Result<Size, DibError> {
    let wrong = |help: &str| {
        let problem = format!("`extents` is `{}`", escaped(&text.text));
        Err(DibError::new(text.at, problem, help))
    };
    let Some((percent, of)) = text.text.split_once('%') else {
        let extents = text.text.parse::<u64>().ok().filter(|extents| *extents > 0);
        return match extents.and_then(|extents| extents.checked_mul(extent)) {
            Some(bytes) => Ok(Size::Bytes(bytes)),
            None => wrong("write a number of extents, `30%VG` or `100%FREE`"),
        };
    };
    if thin {
        return wrong("a thin volume takes no part of its group: write `size`");
    }
    // LVM takes whole hundredths alone.
    let Some(percent @ 1..=100) = percent.parse::<u32>().ok() else {
        return wrong("write from `1%` to `100%`, in whole numbers");
    };
    match of {
        "FREE" if percent == 100 => Ok(Size::Rest),
        "FREE" => Ok(Size::ShareOfRest(percent * 10_000)),
        // Of all physical volumes of the group, as DIB's files cannot name some of them.
        "VG" | "PVS" => Ok(Size::Share(percent * 10_000)),
        _ => wrong("write `%VG`, `%FREE` or `%PVS`"),
    }
}
