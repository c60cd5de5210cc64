//! Tables of TOML laid over one another: tables merge, lists add. Of two different values under one
//! key the one on top counts, or it is a conflict with both places.

use std::borrow::Cow;
use std::path::Path;

use toml::de::{DeArray, DeString, DeTable, DeValue};

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::location::Source;
use crate::reader::{Item, Key};

/// What counts where two layers say different things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    /// Neither: a file and what it includes stand side by side.
    Nothing,
    /// What is on top: a variant, or what was typed.
    Below,
}

/// Keys whose values are paths; `*` is any key, or any entry of a list.
const PATHS: [&[&str]; 9] = [
    &["block-device"],
    &["commands", "*", "script"],
    &["files", "*", "source"],
    &["image", "elements", "*"],
    &["inputs", "*", "path"],
    &["repositories", "*", "key"],
    &["repositories", "*", "key", "*"],
    &["secrets", "*", "file"],
    &["units", "*", "source"],
];

/// Keys whose tables are one value: half of one and half of another is neither.
const WHOLE: [&[&str]; 3] = [&["inputs", "*"], &["parameters", "*", "*"], &["secrets", "*"]];

fn fits(pattern: &[&str], path: &[&str]) -> bool {
    pattern.len() == path.len()
        && pattern.iter().zip(path).all(|(pattern, key)| *pattern == "*" || pattern == key)
}

/// A table whose ranges begin at `from`, and whose relative paths are relative to `folder`.
pub(crate) fn placed<'i>(table: DeTable<'i>, from: usize, folder: &Path) -> DeTable<'i> {
    placed_table(table, from, folder, &[])
}

fn placed_table<'i>(table: DeTable<'i>, from: usize, folder: &Path, path: &[&str]) -> DeTable<'i> {
    let entry = |(key, item): (Key<'i>, Item<'i>)| {
        let name = key.get_ref().to_string();
        // A variant is as a definition.
        let within = path.len() == 1 && path[0] == "variants";
        let path: Vec<&str> = match within {
            true => Vec::new(),
            false => path.iter().copied().chain([name.as_str()]).collect(),
        };
        let item = placed_item(item, from, folder, &path);
        (Key::new(shifted(&key.span(), from), key.into_inner()), item)
    };
    table.into_iter().map(entry).collect()
}

fn placed_item<'i>(item: Item<'i>, from: usize, folder: &Path, path: &[&str]) -> Item<'i> {
    let span = shifted(&item.span(), from);
    let value = match item.into_inner() {
        DeValue::Table(table) => DeValue::Table(placed_table(table, from, folder, path)),
        DeValue::Array(array) => {
            let path: Vec<&str> = path.iter().copied().chain(["*"]).collect();
            let items = array.into_iter().map(|item| placed_item(item, from, folder, &path));
            DeValue::Array(items.collect::<DeArray<'i>>())
        }
        DeValue::String(text) if PATHS.iter().any(|pattern| fits(pattern, path)) => {
            DeValue::String(placed_path(text, folder, path))
        }
        value => value,
    };
    Item::new(span, value)
}

fn placed_path<'i>(text: DeString<'i>, folder: &Path, path: &[&str]) -> DeString<'i> {
    let is_name = path.first() == Some(&"image") && !text.contains('/');
    if folder == Path::new("") || is_name || text.is_empty() || text.contains('\n') {
        return text;
    }
    Cow::Owned(folder.join(&*text).display().to_string())
}

fn shifted(range: &std::ops::Range<usize>, from: usize) -> std::ops::Range<usize> {
    range.start + from..range.end + from
}

/// Lays tables over one another, and notes conflicts.
pub(crate) struct Merge<'s, 'i> {
    pub(crate) source: &'s Source<'i>,
    pub(crate) wrong: Diagnostics,
    pub(crate) over: Over,
}

impl Merge<'_, '_> {
    /// Lays a definition's table over another.
    pub(crate) fn lay<'i>(&mut self, below: &mut DeTable<'i>, top: DeTable<'i>) {
        self.tables(below, top, &[]);
    }

    fn tables<'i>(&mut self, below: &mut DeTable<'i>, top: DeTable<'i>, path: &[&str]) {
        for (key, item) in top {
            let name = key.get_ref().to_string();
            let path: Vec<&str> = path.iter().copied().chain([name.as_str()]).collect();
            let Some((there, value)) = below.remove_entry::<str>(&name) else {
                below.insert(key, item);
                continue;
            };
            let (key, item) = self.items((there, value), (key, item), &path);
            below.insert(key, item);
        }
    }

    fn items<'i>(
        &mut self,
        (below_key, below): (Key<'i>, Item<'i>),
        (top_key, top): (Key<'i>, Item<'i>),
        path: &[&str],
    ) -> (Key<'i>, Item<'i>) {
        let whole = WHOLE.iter().any(|pattern| fits(pattern, path));
        let (below_span, top_span) = (below.span(), top.span());
        match (below.into_inner(), top.into_inner()) {
            (DeValue::Table(mut below), DeValue::Table(top)) if !whole => {
                self.tables(&mut below, top, path);
                (below_key, Item::new(below_span, DeValue::Table(below)))
            }
            (DeValue::Array(mut below), DeValue::Array(top)) => {
                self.lists(&mut below, top, path);
                (below_key, Item::new(below_span, DeValue::Array(below)))
            }
            (below, top) if same(&below, &top) => (below_key, Item::new(below_span, below)),
            (_, top) if self.over == Over::Below => (top_key, Item::new(top_span, top)),
            (below, _) => {
                self.conflict(&path.join("."), &below_span, &top_span);
                (below_key, Item::new(below_span, below))
            }
        }
    }

    /// What is in both is there once; of two entries about one thing the one on top counts.
    fn lists<'i>(&mut self, below: &mut DeArray<'i>, top: DeArray<'i>, path: &[&str]) {
        for item in top {
            if below.iter().any(|there| same(there.get_ref(), item.get_ref())) {
                continue;
            }
            let about = subject(item.get_ref(), path);
            let there = about.as_ref().and_then(|about| {
                below
                    .iter()
                    .position(|there| subject(there.get_ref(), path).as_ref() == Some(about))
            });
            match (there, self.over) {
                (None, _) => below.push(item),
                (Some(at), Over::Below) => below.as_mut()[at] = item,
                (Some(at), Over::Nothing) => {
                    let what = format!("`{}` of `{}`", path.join("."), about.unwrap_or_default());
                    self.conflict(&what, &below[at].span(), &item.span());
                }
            }
        }
    }

    fn conflict(
        &mut self,
        key: &str,
        below: &std::ops::Range<usize>,
        top: &std::ops::Range<usize>,
    ) {
        let (below, top) = (self.source.locate(below), self.source.locate(top));
        let key = if key.starts_with('`') { key.to_owned() } else { format!("`{key}`") };
        self.wrong.push(
            Diagnostic::new(format!("{key} is said here and, in another way, at {below}"))
                .at(Some(&top))
                .in_context(format!("putting `{}` and `{}` together", below.file, top.file))
                .with_help(
                    "leave one of them out; what differs from image to image is for `[variants.NAME]`",
                ),
        );
    }
}

/// What an entry of a list is about, where two entries about one thing cannot stand side by side.
fn subject(item: &DeValue<'_>, path: &[&str]) -> Option<String> {
    match (item, path) {
        (DeValue::String(text), ["packages"]) => {
            let name = text.trim_start_matches('!');
            Some(name.split_once('=').map_or(name, |(name, _)| name).to_owned())
        }
        (DeValue::Table(table), ["files"]) => text(table, "path"),
        // A unit's text, its drop-ins and its state may stand in entries of their own.
        (DeValue::Table(table), ["units"]) => {
            let of_text =
                table.contains_key::<str>("content") || table.contains_key::<str>("source");
            let name = text(table, "name")?;
            let drop_in = text(table, "drop-in").unwrap_or_default();
            Some(format!("{name} {drop_in} {of_text}"))
        }
        (DeValue::Table(table), ["users" | "repositories" | "block-device"]) => text(table, "name"),
        _ => None,
    }
}

fn text(table: &DeTable<'_>, key: &str) -> Option<String> {
    match table.get::<str>(key)?.get_ref() {
        DeValue::String(text) => Some(text.to_string()),
        _ => None,
    }
}

/// Whether two values are one, wherever they stand.
fn same(one: &DeValue<'_>, other: &DeValue<'_>) -> bool {
    match (one, other) {
        (DeValue::String(one), DeValue::String(other)) => one == other,
        (DeValue::Integer(one), DeValue::Integer(other)) => {
            one.as_str() == other.as_str() && one.radix() == other.radix()
        }
        (DeValue::Float(one), DeValue::Float(other)) => one.as_str() == other.as_str(),
        (DeValue::Boolean(one), DeValue::Boolean(other)) => one == other,
        (DeValue::Datetime(one), DeValue::Datetime(other)) => one == other,
        (DeValue::Array(one), DeValue::Array(other)) => {
            one.len() == other.len()
                && one.iter().zip(other.iter()).all(|(a, b)| same(a.get_ref(), b.get_ref()))
        }
        (DeValue::Table(one), DeValue::Table(other)) => {
            let there = |key: &str, value: &DeValue<'_>| {
                other.get::<str>(key).is_some_and(|other| same(value, other.get_ref()))
            };
            one.len() == other.len()
                && one.iter().all(|(key, value)| there(key.get_ref(), value.get_ref()))
        }
        _ => false,
    }
}
