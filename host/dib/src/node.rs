//! What DIB's plugins make of the entries of the graph form: nodes, with the checks each plugin
//! makes when it is told of its entry, in DIB's order and with DIB's messages
//! (`diskimage_builder/block_device/level*/`).

use std::collections::HashSet;

use dibhost_text::did_you_mean;
use serde::Serialize;

use super::diagnostic::Diagnostic;
use super::flatten::{Entry, Plugin, find, plain};
use super::parameters::DibParameters;
use super::size;
use super::yaml::{Data, Pair, Value, escaped};
use dibhost_block_device::TableKind;
use dibhost_block_device::{FileError as DibError, Position};

/// What a node of DIB's graph is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DibKind {
    /// `local_loop`: a disk.
    LocalLoop,
    /// A partition. Its table, the `partitioning`, is no node of DIB's graph.
    Partition,
    /// A physical volume of `lvm`.
    PhysicalVolume,
    /// A volume group of `lvm`.
    VolumeGroup,
    /// A logical volume of `lvm`.
    LogicalVolume,
    /// The `lvm` as a whole: it stands on what the physical volumes stand on, and they on it.
    Lvm,
    /// `mkfs`: a filesystem.
    Mkfs,
    /// `mount`: where it is mounted.
    Mount,
    /// `fstab`: its line there.
    Fstab,
}

impl DibKind {
    /// As `--graph` calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::LocalLoop => "local_loop",
            Self::Partition => "partition",
            Self::PhysicalVolume => "pv",
            Self::VolumeGroup => "vg",
            Self::LogicalVolume => "lv",
            Self::Lvm => "lvm",
            Self::Mkfs => "mkfs",
            Self::Mount => "mount",
            Self::Fstab => "fstab",
        }
    }
}

/// A text and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) text: String,
    pub(crate) at: Position,
}

impl Text {
    fn of(pair: &Pair) -> Result<Self, DibError> {
        Ok(Self { text: plain(pair)?.to_owned(), at: pair.value.at })
    }

    fn optional(pair: Option<&Pair>) -> Result<Option<Self>, DibError> {
        pair.map(Self::of).transpose()
    }
}

/// A node, with all that its entry says.
#[derive(Debug, Clone)]
pub(crate) struct Built {
    pub(crate) name: Text,
    pub(crate) detail: Detail,
}

#[derive(Debug, Clone)]
pub(crate) enum Detail {
    LocalLoop {
        size: Option<u64>,
        block_size: Option<Text>,
        directory: Option<Text>,
    },
    Partition(Partition),
    PhysicalVolume {
        base: Text,
        options: Vec<Text>,
    },
    VolumeGroup {
        base: Vec<Text>,
        options: Vec<Text>,
    },
    LogicalVolume(LogicalVolume),
    /// The bases and the names of its physical volumes.
    Lvm {
        bases: Vec<Text>,
        volumes: Vec<Text>,
    },
    Mkfs(Mkfs),
    Mount {
        base: Text,
        point: Text,
    },
    Fstab {
        base: Text,
        options: Option<Text>,
        dump: Option<Text>,
        pass: Option<Text>,
    },
}

#[derive(Debug, Clone)]
pub(crate) struct Partition {
    /// An index into the tables.
    pub(crate) table: usize,
    pub(crate) base: Text,
    /// The partition before it in the same table.
    pub(crate) previous: Option<Text>,
    pub(crate) size: Text,
    pub(crate) type_id: Option<Text>,
    pub(crate) boot: Option<Position>,
    pub(crate) primary: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct LogicalVolume {
    pub(crate) base: Text,
    pub(crate) size: Option<Text>,
    pub(crate) extents: Option<Text>,
    pub(crate) options: Vec<Text>,
    /// `thin` or `thin-pool`.
    pub(crate) segment: Option<Text>,
    pub(crate) thin_pool: Option<Text>,
}

#[derive(Debug, Clone)]
pub(crate) struct Mkfs {
    pub(crate) base: Text,
    pub(crate) kind: Text,
    pub(crate) label: Text,
    /// By the file; else it is the node's name.
    pub(crate) label_given: bool,
    pub(crate) options: Option<Text>,
    pub(crate) uuid: Option<Text>,
}

/// A `partitioning`.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) name: Text,
    pub(crate) base: Text,
    pub(crate) kind: TableKind,
    pub(crate) alignment: Option<u64>,
}

/// What plugins share while they are told of their entries: DIB's `state`.
pub(super) struct State<'a> {
    pub(super) parameters: &'a DibParameters,
    pub(super) tables: Vec<Table>,
    labels: HashSet<String>,
    points: HashSet<String>,
    pub(super) diagnostics: Vec<Diagnostic>,
}

impl<'a> State<'a> {
    pub(super) fn new(parameters: &'a DibParameters) -> Self {
        Self {
            parameters,
            tables: Vec::new(),
            labels: HashSet::new(),
            points: HashSet::new(),
            diagnostics: Vec::new(),
        }
    }

    /// DIB takes no notice of a key it does not know, and so a misspelt one goes unnoticed.
    fn unknown_keys(&mut self, what: &str, pairs: &[Pair], known: &[&str]) {
        for pair in pairs {
            let key = pair.key.as_str();
            if ["name", "base"].contains(&key) || known.contains(&key) {
                continue;
            }
            let problem = format!("`{what}` has no key `{}`, so it is left out", escaped(key));
            let help = did_you_mean(key, known.iter().copied()).unwrap_or_else(|| {
                format!("its keys are `name`, `base`, `{}`", known.join("`, `"))
            });
            self.diagnostics.push(Diagnostic::warning(pair.at, problem, help));
        }
    }
}

fn needs(entry: &Entry, key: &str, problem: &str, help: &str) -> Result<Text, DibError> {
    match entry.get(key) {
        Some(pair) => Text::of(pair),
        None => Err(DibError::new(entry.at, problem, help)),
    }
}

fn texts(pair: Option<&Pair>) -> Result<Vec<Text>, DibError> {
    let Some(pair) = pair else { return Ok(Vec::new()) };
    let list = match &pair.value.data {
        Data::List(list) => list.as_slice(),
        _ => return Ok(vec![Text::of(pair)?]),
    };
    list.iter()
        .map(|value| match &value.data {
            Data::Text(text) => Ok(Text { text: text.clone(), at: value.at }),
            _ => {
                let problem = format!("`{}` holds what is no word", escaped(&pair.key));
                Err(DibError::new(value.at, problem, "write a list of words"))
            }
        })
        .collect()
}

fn maps(entry: &Entry, key: &str, problem: &str) -> Result<Vec<(Position, Vec<Pair>)>, DibError> {
    let Some(pair) = entry.get(key) else {
        return Err(DibError::new(entry.at, problem, format!("write `{key}` as a list")));
    };
    let Data::List(list) = &pair.value.data else {
        let problem = format!("`{key}` is no list");
        return Err(DibError::new(pair.value.at, problem, "start each of them with `- name: `"));
    };
    list.iter()
        .map(|Value { at, data }| match data {
            Data::Map(pairs) => Ok((*at, pairs.clone())),
            _ => {
                let problem = format!("`{key}` holds what has no keys");
                Err(DibError::new(*at, problem, "start each of them with `- name: `"))
            }
        })
        .collect()
}

fn absolute(text: &Text) -> Result<u64, DibError> {
    size::absolute(&text.text).map_err(|(problem, help)| DibError::new(text.at, problem, help))
}

/// The nodes of an entry.
pub(super) fn nodes(entry: &Entry, state: &mut State<'_>) -> Result<Vec<Built>, DibError> {
    state.unknown_keys(entry.plugin.name(), &entry.values, entry.plugin.keys());
    match entry.plugin {
        Plugin::LocalLoop => local_loop(entry, state),
        Plugin::Partitioning => partitioning(entry, state),
        Plugin::Lvm => lvm(entry, state),
        Plugin::Mkfs => mkfs(entry, state),
        Plugin::Mount => mount(entry, state),
        Plugin::Fstab => fstab(entry),
    }
}

fn local_loop(entry: &Entry, state: &State<'_>) -> Result<Vec<Built>, DibError> {
    let name = needs(entry, "name", "a `local_loop` has no `name`", "write one, such as `image0`")?;
    let size = match entry.get("size") {
        Some(pair) => Some(absolute(&Text::of(pair)?)?),
        None => state.parameters.image_size,
    };
    let block_size = Text::optional(entry.get("block_size"))?;
    let directory = Text::optional(entry.get("directory"))?;
    Ok(vec![Built { name, detail: Detail::LocalLoop { size, block_size, directory } }])
}

fn partitioning(entry: &Entry, state: &mut State<'_>) -> Result<Vec<Built>, DibError> {
    let base = needs(entry, "base", "Partitioning config needs 'base'", "name the disk's node")?;
    let partitions = maps(entry, "partitions", "Partitioning config needs 'partitions'")?;
    let help = "write `label: gpt` or `label: mbr`";
    let label = needs(entry, "label", "Partitioning config needs 'label'", help)?;
    let kind = match label.text.as_str() {
        "gpt" => TableKind::Gpt,
        "mbr" => TableKind::Mbr,
        _ => return Err(DibError::new(label.at, "Label must be 'mbr' or 'gpt'", help)),
    };
    let alignment = Text::optional(entry.get("align"))?.map(|text| absolute(&text)).transpose()?;
    let name = needs(entry, "name", "a `partitioning` has no `name`", "write one")?;
    let table = state.tables.len();
    let mut nodes: Vec<Built> = Vec::with_capacity(partitions.len());
    for (at, pairs) in &partitions {
        let (name, detail) = partition(*at, pairs, table, kind, &base, nodes.last(), state)?;
        nodes.push(Built { name, detail: Detail::Partition(detail) });
    }
    state.tables.push(Table { name, base, kind, alignment });
    Ok(nodes)
}

fn partition(
    at: Position,
    pairs: &[Pair],
    table: usize,
    kind: TableKind,
    base: &Text,
    previous: Option<&Built>,
    state: &mut State<'_>,
) -> Result<(Text, Partition), DibError> {
    state.unknown_keys("partitions", pairs, &["size", "type", "flags"]);
    let name = match find(pairs, "name") {
        Some(pair) => Text::of(pair)?,
        None => return Err(DibError::new(at, "a partition has no `name`", "write one")),
    };
    let (mut boot, mut primary) = (None, false);
    for flag in texts(find(pairs, "flags"))? {
        match (flag.text.as_str(), kind) {
            ("primary", TableKind::Gpt) => {
                let problem = "Primary flag not supported for GPT partitions";
                return Err(DibError::new(flag.at, problem, "leave it out"));
            }
            ("primary", TableKind::Mbr) => primary = true,
            ("boot", _) => boot = Some(flag.at),
            (other, _) => {
                let problem = format!("Unknown flag: {}", escaped(other));
                return Err(DibError::new(flag.at, problem, "the flags are `boot` and `primary`"));
            }
        }
    }
    let Some(size) = find(pairs, "size") else {
        let problem = format!("No size in partition \"{}\"", escaped(&name.text));
        let help = "write `size: 8MiB`, or `size: 100%` for all that is left";
        return Err(DibError::new(name.at, problem, help));
    };
    let detail = Partition {
        table,
        base: base.clone(),
        previous: previous.map(|built| built.name.clone()),
        size: Text::of(size)?,
        type_id: Text::optional(find(pairs, "type"))?,
        boot,
        primary,
    };
    Ok((name, detail))
}

fn lvm(entry: &Entry, state: &mut State<'_>) -> Result<Vec<Built>, DibError> {
    let name = needs(entry, "name", "Lvm config requires 'name'", "write one, such as `lvm`")?;
    let pvs = maps(entry, "pvs", "Lvm config requires a 'pvs'")?;
    let vgs = maps(entry, "vgs", "Lvm config needs 'vgs'")?;
    let lvs = maps(entry, "lvs", "Lvm config needs 'lvs'")?;
    let missing = |at: Position, problem: &str| DibError::new(at, problem, "write it");
    let get = |at: Position, pairs: &[Pair], key: &str, problem: &str| match find(pairs, key) {
        Some(pair) => Ok(pair.clone()),
        None => Err(missing(at, problem)),
    };
    let mut nodes = Vec::new();
    let (mut bases, mut volumes) = (Vec::new(), Vec::new());
    let (mut physical, mut groups) = (HashSet::new(), HashSet::new());
    for (at, pairs) in &pvs {
        state.unknown_keys("pvs", pairs, &["options"]);
        let name = Text::of(&get(*at, pairs, "name", "Missing 'name' in pvs config")?)?;
        let base = Text::of(&get(*at, pairs, "base", "Missing 'base' in pvs_config")?)?;
        physical.insert(name.text.clone());
        bases.push(base.clone());
        volumes.push(name.clone());
        let options = texts(find(pairs, "options"))?;
        nodes.push(Built { name, detail: Detail::PhysicalVolume { base, options } });
    }
    for (at, pairs) in &vgs {
        state.unknown_keys("vgs", pairs, &["options"]);
        let name = Text::of(&get(*at, pairs, "name", "Missing 'name' in vgs config")?)?;
        let base = texts(Some(&get(*at, pairs, "base", "Missing 'base' in vgs config")?))?;
        if let Some(wrong) = base.iter().find(|base| !physical.contains(&base.text)) {
            let shown = escaped(&wrong.text);
            let problem = format!("base:{shown} in vgs does not match a valid pvs");
            return Err(DibError::new(wrong.at, problem, "name one of `pvs`"));
        }
        groups.insert(name.text.clone());
        let options = texts(find(pairs, "options"))?;
        nodes.push(Built { name, detail: Detail::VolumeGroup { base, options } });
    }
    for (at, pairs) in &lvs {
        state.unknown_keys("lvs", pairs, &["size", "extents", "options", "type", "thin-pool"]);
        let name = Text::of(&get(*at, pairs, "name", "Missing 'name' in lvs config")?)?;
        let base = get(*at, pairs, "base", "Missing 'base' in lvs config")?;
        if find(pairs, "size").is_none() && find(pairs, "extents").is_none() {
            let problem = "Missing 'size' or 'extents' in lvs config";
            let help = "write `size: 2GiB` or `extents: 100%FREE`";
            return Err(DibError::new(name.at, problem, help));
        }
        let base = match &base.value.data {
            Data::Text(text) if groups.contains(text) => Text::of(&base)?,
            data => {
                let shown = match data {
                    Data::Text(text) => escaped(text),
                    // As Python shows a list.
                    _ => match texts(Some(&base)) {
                        Ok(list) => {
                            let list: Vec<String> =
                                list.iter().map(|t| format!("'{}'", escaped(&t.text))).collect();
                            format!("[{}]", list.join(", "))
                        }
                        Err(_) => "what is no word".into(),
                    },
                };
                let problem = format!("base:{shown} in lvs does not match a valid vg");
                return Err(DibError::new(base.value.at, problem, "name one of `vgs`"));
            }
        };
        let segment = Text::optional(find(pairs, "type"))?;
        if let Some(wrong) = segment.as_ref().filter(|t| t.text != "thin" && t.text != "thin-pool")
        {
            let shown = escaped(&wrong.text);
            let problem = format!("Unsupported type:{shown}, supported types: thin, thin-pool");
            return Err(DibError::new(wrong.at, problem, "leave it out for a linear volume"));
        }
        let detail = LogicalVolume {
            base,
            size: Text::optional(find(pairs, "size"))?,
            extents: Text::optional(find(pairs, "extents"))?,
            options: texts(find(pairs, "options"))?,
            segment,
            thin_pool: Text::optional(find(pairs, "thin-pool"))?,
        };
        nodes.push(Built { name, detail: Detail::LogicalVolume(detail) });
    }
    nodes.push(Built { name, detail: Detail::Lvm { bases, volumes } });
    Ok(nodes)
}

/// How many characters a label may have (`file_system_max_label_length` of DIB's mkfs).
fn longest_label(kind: &str) -> Option<usize> {
    match kind {
        "ext2" | "ext3" | "ext4" | "swap" => Some(16),
        "xfs" => Some(12),
        "vfat" => Some(11),
        _ => None,
    }
}

fn mkfs(entry: &Entry, state: &mut State<'_>) -> Result<Vec<Built>, DibError> {
    let name = needs(entry, "name", "a `mkfs` has no `name`", "write one")?;
    let base = needs(entry, "base", "Mkfs config needs [base]", "name what it stands on")?;
    let kind = needs(entry, "type", "Mkfs config needs [type]", "write `type: ext4` or another")?;
    let given = Text::optional(entry.get("label"))?;
    let label_given = given.is_some();
    let mut label = given.unwrap_or_else(|| name.clone());
    if ["vfat", "fat"].contains(&kind.text.as_str()) {
        label.text = label.text.to_uppercase();
    }
    let shown = escaped(&label.text);
    if !state.labels.insert(label.text.clone()) {
        let problem = format!("File system label [{shown}] used more than once");
        return Err(DibError::new(label.at, problem, "give each a `label` of its own"));
    }
    let have = label.text.chars().count();
    if let Some(most) = longest_label(&kind.text).filter(|most| have > *most) {
        let problem = format!(
            "Label [{shown}] too long for filesystem [{}]: {have} > {most}",
            escaped(&kind.text)
        );
        return Err(DibError::new(label.at, problem, "write a shorter `label`"));
    }
    let options = Text::optional(entry.get("opts"))?;
    let uuid = Text::optional(entry.get("uuid"))?;
    let mkfs = Mkfs { base, kind, label, label_given, options, uuid };
    Ok(vec![Built { name, detail: Detail::Mkfs(mkfs) }])
}

fn mount(entry: &Entry, state: &mut State<'_>) -> Result<Vec<Built>, DibError> {
    let name = needs(entry, "name", "a `mount` has no `name`", "write one")?;
    let base = needs(entry, "base", "MountPoint config needs [base]", "name a `mkfs`")?;
    let help = "write `mount_point: /` or another";
    let point = needs(entry, "mount_point", "MountPoint config needs [mount_point]", help)?;
    // Swap spaces are all "mounted" at `none`, and there may be two of them.
    if point.text != "none" && !state.points.insert(point.text.clone()) {
        let problem = format!("Mount point [{}] specified more than once", escaped(&point.text));
        return Err(DibError::new(point.at, problem, "mount one of them elsewhere"));
    }
    Ok(vec![Built { name, detail: Detail::Mount { base, point } }])
}

fn fstab(entry: &Entry) -> Result<Vec<Built>, DibError> {
    let name = needs(entry, "name", "a `fstab` has no `name`", "write one")?;
    let base = needs(entry, "base", "a `fstab` has no `base`", "name a `mount`")?;
    let options = Text::optional(entry.get("options"))?;
    let dump = Text::optional(entry.get("dump-freq"))?;
    let pass = Text::optional(entry.get("fsck-passno"))?;
    Ok(vec![Built { name, detail: Detail::Fstab { base, options, dump, pass } }])
}
