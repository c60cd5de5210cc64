//! A definition put together of several texts: the files that it includes, the file itself, one of
//! its variants, and what was typed beside it.
//!
//! ```text
//! site.toml  base.toml ─► image.toml ─► [variants.small] ─► (typed)
//!    side by side: a conflict is refused      on top: what is said there counts
//! ```

use std::path::{Component, Path, PathBuf};

use dibhost_text::{did_you_mean, quoted_list};
use toml::de::{DeTable, DeValue};

use crate::definition::Definition;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::layer::{Merge, Over, placed};
use crate::location::Source;
use crate::not_toml::not_toml;
use crate::reader::{Item, Reader, kind};
use crate::typed::{TYPED, Typed};

/// What is chosen of a definition, and added to it, where it is used.
#[derive(Debug, Clone, Copy, Default)]
pub struct Chosen<'a> {
    /// The name of one of its variants.
    pub variant: Option<&'a str>,
    /// What was typed beside it.
    pub typed: Option<&'a Typed>,
    /// The folder that paths in what was typed are relative to; none: as the definition's.
    pub folder: Option<&'a Path>,
}

/// What reads files that a definition names.
pub(crate) type Files<'a> = &'a dyn Fn(&Path) -> std::io::Result<String>;

/// More files than anybody divides a definition into.
const MOST_FILES: usize = 200;

/// A text, and where it came from.
pub(crate) struct Text {
    /// As the person named it, or as the file that includes it does.
    pub(crate) file: String,
    pub(crate) text: String,
    /// The folder that its paths are relative to, relative to the definition's.
    pub(crate) folder: PathBuf,
}

/// A definition's text with all that it includes, which goes before what includes it.
pub(crate) fn gather(text: Text, base: &Path, files: Files<'_>) -> Result<Vec<Text>, Diagnostics> {
    let mut gathered = Gathered { base, files, done: Vec::new(), texts: Vec::new() };
    let path = base.join(Path::new(&text.file).file_name().unwrap_or_default());
    gathered.take(text, &mut vec![plain(&path)])?;
    Ok(gathered.texts)
}

struct Gathered<'a> {
    base: &'a Path,
    files: Files<'a>,
    /// Files that were read.
    done: Vec<PathBuf>,
    texts: Vec<Text>,
}

impl Gathered<'_> {
    /// Takes a text and what it includes; `trail` is how it was come to, itself last.
    fn take(&mut self, text: Text, trail: &mut Vec<PathBuf>) -> Result<(), Diagnostics> {
        let source = Source::new(&text.file, &text.text);
        let (root, errors) = DeTable::parse_recoverable(&text.text);
        let wrong = not_toml(&errors, &text.text, &source);
        // What is left of a broken text says nothing reliable about keys.
        let root = wrong.or(root)?;
        let mut reader = Reader { source, wrong: Diagnostics::default() };
        let includes = match root.get_ref().get::<str>("include") {
            Some(item) => reader.texts(item, "include", "a list of files, as `[\"site.toml\"]`"),
            None => Vec::new(),
        };
        let mut wrong = reader.wrong;
        for include in includes {
            let refuse = |message: String, help: &str| {
                Diagnostic::new(message).at(include.location.as_ref()).with_help(help)
            };
            let named = text.folder.join(&include.value);
            let path = plain(&self.base.join(&named));
            if trail.contains(&path) {
                let circle: Vec<_> =
                    trail.iter().map(|path| format!("`{}`", path.display())).collect();
                let message = format!("`{}` includes itself", include.value.escape_debug());
                let mut diagnostic = refuse(message, "take this entry away");
                diagnostic.context.push(format!("reading {}", circle.join(", which includes ")));
                wrong.push(diagnostic);
                continue;
            }
            if self.done.contains(&path) {
                continue;
            }
            if self.done.len() == MOST_FILES {
                let message = format!("more than {MOST_FILES} files are included");
                wrong.push(refuse(message, "put some of them into one"));
                break;
            }
            self.done.push(path.clone());
            match (self.files)(&path) {
                Ok(read) => {
                    let folder = named.parent().map(Path::to_owned).unwrap_or_default();
                    let file = path.display().to_string();
                    trail.push(path);
                    if let Err(more) = self.take(Text { file, text: read, folder }, trail) {
                        wrong.extend(more);
                    }
                    trail.pop();
                }
                Err(error) => {
                    let message = format!("`{}` cannot be read: {error}", path.display());
                    wrong.push(refuse(message, "a path is relative to the file that it stands in"));
                }
            }
        }
        self.texts.push(text);
        wrong.or(())
    }
}

/// A path without `.`, and without what `..` takes back.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir
                if plain
                    .components()
                    .next_back()
                    .is_some_and(|c| matches!(c, Component::Normal(_))) =>
            {
                plain.pop();
            }
            component => plain.push(component),
        }
    }
    plain
}

/// Puts texts together, and reads what comes of it.
pub(crate) fn compose(
    texts: &[Text],
    base: &Path,
    chosen: Chosen<'_>,
    files: Files<'_>,
) -> Result<Definition, Diagnostics> {
    let typed = chosen.typed.map(Typed::to_toml).unwrap_or_default();
    let Some(main) = texts.last() else { return Err(Diagnostics::default()) };
    let mut source: Option<Source<'_>> = None;
    let mut tables = Vec::new();
    for Text { file, text, folder } in texts {
        let from = match &mut source {
            None => {
                source = Some(Source::new(file, text));
                0
            }
            Some(source) => source.add(file, text),
        };
        // That it is TOML was seen when it was gathered.
        let (root, _) = DeTable::parse_recoverable(text);
        tables.push(placed(root.into_inner(), from, folder));
    }
    let Some(mut source) = source else { return Err(Diagnostics::default()) };
    let mut over = None;
    if chosen.typed.is_some() {
        let from = source.add(TYPED, &typed);
        let (root, _) = DeTable::parse_recoverable(&typed);
        over = Some(placed(root.into_inner(), from, chosen.folder.unwrap_or(Path::new(""))));
    }
    let mut root = DeTable::new();
    let mut merge = Merge { source: &source, wrong: Diagnostics::default(), over: Over::Nothing };
    for mut table in tables {
        table.remove::<str>("include");
        merge.lay(&mut root, table);
    }
    let mut variants = Variants::of(root.remove_entry::<str>("variants"), &source);
    let picked = variants.pick(chosen.variant);
    merge.wrong.extend(variants.wrong);
    merge.over = Over::Below;
    let top = |at: usize| variants.tables.get(at).map(|(_, table)| table);
    let own = laid(&mut merge, &root, picked.and_then(top).into_iter().chain(&over));
    // A mistake in a variant is found whichever is built.
    let others = 0..variants.tables.len();
    let others: Vec<_> =
        others.map(|at| laid(&mut merge, &root, top(at).into_iter().chain(&over))).collect();
    let wrong = merge.wrong;
    let mut reader = Reader { source, wrong };
    let mut definition = reader.definition(&own, &main.file, base);
    reader.layout_file(&own, &mut definition, files);
    for other in others {
        reader.definition(&other, &main.file, base);
    }
    reader.wrong.or(definition)
}

/// A table with others on top of it.
fn laid<'i: 't, 't>(
    merge: &mut Merge<'_, '_>,
    below: &DeTable<'i>,
    tops: impl Iterator<Item = &'t DeTable<'i>>,
) -> DeTable<'i> {
    let mut table = below.clone();
    tops.for_each(|top| merge.lay(&mut table, top.clone()));
    table
}

/// `[variants]`.
struct Variants<'i> {
    tables: Vec<(String, DeTable<'i>)>,
    wrong: Diagnostics,
}

impl<'i> Variants<'i> {
    fn of(entry: Option<(crate::reader::Key<'i>, Item<'i>)>, source: &Source<'_>) -> Self {
        let mut variants = Self { tables: Vec::new(), wrong: Diagnostics::default() };
        let Some((_, item)) = entry else { return variants };
        let place = source.locate(&item.span());
        let DeValue::Table(table) = item.into_inner() else {
            let help = "write `[variants.NAME]`, and below it what is different";
            let diagnostic = Diagnostic::new("`variants` has to be a table of tables");
            variants.wrong.push(diagnostic.at(Some(&place)).with_help(help));
            return variants;
        };
        for (key, item) in table {
            let (name, span) = (key.get_ref().to_string(), item.span());
            match item.into_inner() {
                DeValue::Table(table) => {
                    for key in ["include", "variants"] {
                        if let Some((key, _)) = table.get_key_value::<str>(key) {
                            let message =
                                format!("`{}` does not belong into a variant", key.get_ref());
                            let place = source.locate(&key.span());
                            let help = "it stands at the top of a definition";
                            variants
                                .wrong
                                .push(Diagnostic::new(message).at(Some(&place)).with_help(help));
                        }
                    }
                    let mut table = table;
                    table.remove::<str>("include");
                    table.remove::<str>("variants");
                    variants.tables.push((name, table));
                }
                value => {
                    let is = kind(&value);
                    let message = format!("the variant `{name}` has to be a table; this is {is}");
                    let place = source.locate(&span);
                    let help = "write `[variants.NAME]`, and below it what is different";
                    variants.wrong.push(Diagnostic::new(message).at(Some(&place)).with_help(help));
                }
            }
        }
        variants
    }

    /// Where the variant of that name is.
    fn pick(&mut self, name: Option<&str>) -> Option<usize> {
        let name = name?;
        let at = self.tables.iter().position(|(known, _)| known == name);
        if at.is_none() {
            let known = self.tables.iter().map(|(known, _)| known.as_str());
            let help = did_you_mean(name, known.clone()).unwrap_or_else(|| match known.clone().count() {
                0 => format!("it has no variants; write `[variants.{name}]`, and below it what is different"),
                _ => format!("its variants are {}", quoted_list(known)),
            });
            let message = format!("the definition has no variant `{}`", name.escape_debug());
            self.wrong.push(Diagnostic::new(message).with_help(help));
        }
        at
    }
}

#[cfg(test)]
mod tests;
