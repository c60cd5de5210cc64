//! The tree form made into the graph form, as DIB's `config_tree_to_graph` does it
//! (`diskimage_builder/block_device/config.py`).
//!
//! A key inside an entry that is a plugin's name is an entry of its own: without `base` it stands
//! on the entry around it, without `name` it is called `<plugin>_<base>`. Entries inside come
//! before the one around them. A file in graph form comes out as it went in.

use super::yaml::{Data, Pair, Value, escaped};
use dibhost_block_device::{FileError as DibError, Position};

/// What DIB has a plugin for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Plugin {
    LocalLoop,
    Partitioning,
    Lvm,
    Mkfs,
    Mount,
    Fstab,
}

impl Plugin {
    pub(crate) const ALL: [Self; 6] =
        [Self::LocalLoop, Self::Partitioning, Self::Lvm, Self::Mkfs, Self::Mount, Self::Fstab];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::LocalLoop => "local_loop",
            Self::Partitioning => "partitioning",
            Self::Lvm => "lvm",
            Self::Mkfs => "mkfs",
            Self::Mount => "mount",
            Self::Fstab => "fstab",
        }
    }

    pub(crate) fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|plugin| plugin.name() == name)
    }

    /// The keys DIB reads, `name` and `base` aside, which all have.
    pub(super) fn keys(self) -> &'static [&'static str] {
        match self {
            Self::LocalLoop => &["size", "directory", "block_size"],
            Self::Partitioning => &["label", "align", "partitions"],
            Self::Lvm => &["pvs", "vgs", "lvs"],
            Self::Mkfs => &["type", "label", "opts", "uuid"],
            Self::Mount => &["mount_point"],
            Self::Fstab => &["options", "dump-freq", "fsck-passno"],
        }
    }
}

/// An entry of the graph form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) plugin: Plugin,
    /// Where the plugin's name stands.
    pub(crate) at: Position,
    /// `base` and `name` among them.
    pub(crate) values: Vec<Pair>,
}

impl Entry {
    pub(crate) fn get(&self, key: &str) -> Option<&Pair> {
        find(&self.values, key)
    }
}

/// The pair of that key. A key without a value is one that was not written.
pub(crate) fn find<'a>(pairs: &'a [Pair], key: &str) -> Option<&'a Pair> {
    pairs.iter().find(|pair| pair.key == key && pair.value.data != Data::Null)
}

/// Entries in graph form, in DIB's order.
pub(super) fn flatten(document: Value) -> Result<Vec<Entry>, DibError> {
    let Data::List(list) = document.data else {
        let help = "write a list: each entry starts with `- ` and a plugin's name";
        return Err(DibError::new(document.at, "the file is no list of entries", help));
    };
    let mut output = Vec::new();
    for entry in list {
        let Data::Map(mut pairs) = entry.data else {
            let problem = format!("Config entry not a dict: {}", shown(&entry));
            let help = "write a plugin's name and `:`, and its values below";
            return Err(DibError::new(entry.at, problem, help));
        };
        if pairs.len() != 1 {
            let keys: Vec<String> = pairs.iter().map(|pair| escaped(&pair.key)).take(9).collect();
            let problem =
                format!("Config entry top-level should be a single dict: `{}`", keys.join("`, `"));
            let help = "start each entry with a `- ` of its own, or put one into the other";
            let at = pairs.get(1).map_or(entry.at, |pair| pair.at);
            return Err(DibError::new(at, problem, help));
        }
        let Some(pair) = pairs.pop() else { continue };
        let Some(plugin) = Plugin::by_name(&pair.key) else {
            let problem = format!("Config entry is not a plugin value: {}", escaped(&pair.key));
            let names = Plugin::ALL.map(Plugin::name).join("`, `");
            return Err(DibError::new(pair.at, problem, format!("the plugins are `{names}`")));
        };
        recurse(plugin, pair.at, pair.value, None, &mut output)?;
    }
    Ok(output)
}

fn shown(value: &Value) -> String {
    match &value.data {
        Data::Null => "nothing".into(),
        Data::Text(text) => escaped(text),
        Data::List(_) => "a list".into(),
        Data::Map(_) => "a mapping".into(),
    }
}

fn recurse(
    plugin: Plugin,
    at: Position,
    value: Value,
    parent: Option<&str>,
    output: &mut Vec<Entry>,
) -> Result<(), DibError> {
    let word = plugin.name();
    let Data::Map(values) = value.data else {
        let problem = format!("`{word}` holds {} and no keys", shown(&value));
        return Err(DibError::new(value.at, problem, "write its keys below, each on a line"));
    };
    let mut this = Vec::new();
    let text = |text: &str| Value { at, data: Data::Text(text.to_owned()) };
    if find(&values, "base").is_none()
        && let Some(parent) = parent
    {
        this.push(Pair { key: "base".into(), at, value: text(parent) });
    }
    let name = match find(&values, "name") {
        Some(pair) => plain(pair)?.to_owned(),
        None => {
            let base = match (find(&values, "base"), parent) {
                (Some(pair), _) => plain(pair)?,
                (None, Some(parent)) => parent,
                (None, None) => {
                    let problem = format!("`{word}` has neither `name` nor `base`");
                    let help = "write `name`, and `base` unless it is a `local_loop` or `lvm`";
                    return Err(DibError::new(at, problem, help));
                }
            };
            let name = format!("{word}_{base}");
            this.push(Pair { key: "name".into(), at, value: text(&name) });
            name
        }
    };
    let base = find(&values, "base").or(find(&this, "base")).map(|pair| pair.value.clone());
    for pair in values {
        if pair.key == "partitions" {
            let value = partitions(word, pair.value, base.as_ref(), output)?;
            this.push(Pair { key: pair.key, at: pair.at, value });
        } else if let Some(plugin) = Plugin::by_name(&pair.key) {
            recurse(plugin, pair.at, pair.value, Some(&name), output)?;
        } else if pair.value.data != Data::Null {
            this.push(pair);
        }
    }
    output.push(Entry { plugin, at, values: this });
    Ok(())
}

/// Entries inside of partitions stand on them; what is left of a partition stays with its table.
fn partitions(
    word: &str,
    value: Value,
    base: Option<&Value>,
    output: &mut Vec<Entry>,
) -> Result<Value, DibError> {
    let at = value.at;
    let Data::List(list) = value.data else {
        let problem = format!("`partitions` of `{word}` is no list");
        return Err(DibError::new(at, problem, "start each partition with `- name: `"));
    };
    let Some(base) = base else {
        return Err(DibError::new(at, "Partitioning config needs 'base'", "name the disk's node"));
    };
    let mut rest = Vec::with_capacity(list.len());
    for partition in list {
        let Data::Map(pairs) = partition.data else {
            let problem = format!("a partition is {}", shown(&partition));
            return Err(DibError::new(partition.at, problem, "write its keys, `name` first"));
        };
        let name = match find(&pairs, "name") {
            Some(pair) => plain(pair)?.to_owned(),
            None => {
                return Err(DibError::new(partition.at, "a partition has no `name`", "write one"));
            }
        };
        let mut this = Vec::new();
        for pair in pairs {
            if let Some(plugin) = Plugin::by_name(&pair.key) {
                recurse(plugin, pair.at, pair.value, Some(&name), output)?;
            } else if pair.key != "base" && pair.value.data != Data::Null {
                this.push(pair);
            }
        }
        this.push(Pair { key: "base".into(), at: base.at, value: base.clone() });
        rest.push(Value { at: partition.at, data: Data::Map(this) });
    }
    Ok(Value { at, data: Data::List(rest) })
}

/// The text of a key that has to be one.
pub(crate) fn plain(pair: &Pair) -> Result<&str, DibError> {
    match &pair.value.data {
        Data::Text(text) => Ok(text),
        _ => {
            let problem = format!("`{}` is {}", escaped(&pair.key), shown(&pair.value));
            Err(DibError::new(pair.value.at, problem, "write a word"))
        }
    }
}
