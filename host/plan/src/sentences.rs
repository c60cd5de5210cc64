//! In what two plans differ, in sentences: what becomes of the image, not who wished for it in
//! which step. What comes and goes with an element is told as that element.

use std::collections::{BTreeMap, BTreeSet};

use dibhost_text::quoted_list;
use serde_json::Value;

use crate::diff::{Change, Difference, Item};
use crate::parameters::one_line;
use crate::phrases::short;

type Fields = BTreeMap<String, (Option<Value>, Option<Value>)>;

impl Difference {
    /// The difference for people, a sentence a line. Ends in a newline.
    #[must_use]
    pub fn to_sentences(&self) -> String {
        if self.equal {
            return "The plans are equal.\n".to_owned();
        }
        let moved = Moved::of(&self.items);
        let mut lines: Vec<String> =
            self.items.iter().filter(|item| !moved.takes(item)).flat_map(sentences).collect();
        if lines.is_empty() {
            lines.push("What becomes of the image is the same.".to_owned());
        }
        lines.extend(self.anew());
        lines.iter().map(|line| one_line(line) + "\n").collect()
    }

    /// What has to be done anew, and why the first of it has.
    fn anew(&self) -> Option<String> {
        let first = self.actions.first()?;
        let why = match (&first.first, first.known) {
            (Some((kind, input)), _) => match input.as_str() {
                "" => format!("its {kind} differs"),
                input => format!("its {kind} `{input}` differs"),
            },
            (None, false) => "it is new".to_owned(),
            (None, true) => "what is before it differs".to_owned(),
        };
        let name = &first.name;
        Some(match self.actions.len() {
            1 => format!("One action has to be done anew: {name}, because {why}."),
            n => format!(
                "{n} actions have to be done anew, first of all “{name}”, because {why}; \
                 `--verbose` lists them."
            ),
        })
    }
}

/// Elements that only one of the plans has.
struct Moved<'a>(BTreeSet<&'a str>);

impl<'a> Moved<'a> {
    fn of(items: &'a [Item]) -> Self {
        let whole = |item: &&Item| !matches!(item.change, Change::Changed { .. });
        let elements = items.iter().filter(|item| item.section == "elements").filter(whole);
        Self(elements.map(|item| item.name.as_str()).collect())
    }

    /// Whether an item is told with an element that comes or goes, or as what it comes to.
    fn takes(&self, item: &Item) -> bool {
        let name = item.name.as_str();
        let owner = match item.section {
            "parameters" => name.split('.').next(),
            "grants" | "pins" => name.split(':').next(),
            "steps" => name.split(' ').nth(1),
            "facts" if name.starts_with(KERNEL_ARGUMENT) => None,
            // What the layout is, the nodes say.
            "facts" if name.starts_with("dib:block-device/layout@1") => return true,
            "facts" => name.split(' ').nth(1),
            // They are told as what they were merged to; these are merged to nothing else.
            "wishes" => {
                let what = name.splitn(3, ' ').nth(2).unwrap_or_default();
                return !["repository ", "answer ", "upgrade "].iter().any(|w| what.starts_with(w));
            }
            _ => None,
        };
        let owner = owner.map(|label| label.split('/').next().unwrap_or(label));
        owner.is_some_and(|element| self.0.contains(element))
    }
}

const KERNEL_ARGUMENT: &str = "dib:boot/kernel-argument@1";

fn sentences(item: &Item) -> Vec<String> {
    match item.section {
        "elements" => vec![element(item)],
        "transactions" => packages(item),
        "facts" => facts(item),
        "accounts and units" | "files" => vec![phased(item)],
        _ => vec![other(item)],
    }
}

fn element(item: &Item) -> String {
    let name = &item.name;
    match &item.change {
        Change::Added { after } => {
            let version = text(&after["version"]);
            let by =
                after["required-by"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let how = match after["listed"] == true {
                true => "the definition names it".to_owned(),
                false => format!("{} requires it", quoted_list(by)),
            };
            format!("The element `{name}` {version} comes in: {how}.")
        }
        Change::Removed { before } => {
            format!("The element `{name}` {} goes.", text(&before["version"]))
        }
        Change::Changed { fields } => match (fields.get("version"), fields.get("digest")) {
            (Some((before, after)), _) => {
                let (before, after) = (said(before), said(after));
                format!("The element `{name}` has the version {after} instead of {before}.")
            }
            (None, Some(_)) => {
                format!("The element `{name}` is another component of the same version.")
            }
            (None, None) => {
                format!(
                    "The element `{name}` is in the image for another reason: {}.",
                    was_is(fields)
                )
            }
        },
    }
}

/// A transaction, by what happens to packages.
fn packages(item: &Item) -> Vec<String> {
    let whole;
    let empty = Value::Null;
    let fields = match &item.change {
        Change::Changed { fields } => fields,
        Change::Added { after } => {
            whole = apart(&empty, after);
            &whole
        }
        Change::Removed { before } => {
            whole = apart(before, &empty);
            &whole
        }
    };
    let mut told: Vec<String> = Vec::new();
    for (field, now, no_more) in [
        ("install", "installed", "no longer installed"),
        ("build-only", "installed for the build", "no longer installed for the build"),
        ("remove", "removed", "no longer removed"),
        ("hold", "held at what they are", "no longer held"),
        ("modules", "enabled", "no longer enabled"),
    ] {
        let of = |name: &str| name.strip_prefix(field)?.strip_prefix('.').map(str::to_owned);
        let (mut more, mut less) = (Vec::new(), Vec::new());
        for (place, (before, after)) in fields {
            let Some(name) = of(place) else { continue };
            match (before, after) {
                (None, Some(_)) => more.push(name),
                (Some(_), None) => less.push(name),
                _ => told.push(format!(
                    "The package `{name}` is {now} as {} instead of {}.",
                    said(after),
                    said(before)
                )),
            }
        }
        for (names, what) in [(more, now), (less, no_more)] {
            match names.as_slice() {
                [] => {}
                [one] => told.push(format!("The package `{one}` is {what}.")),
                all => told.push(format!("The packages {} are {what}.", quoted_list(all))),
            }
        }
    }
    let known = ["install.", "build-only.", "remove.", "hold.", "modules.", "phases"];
    let rest: Fields = fields
        .iter()
        .filter(|(place, _)| !known.iter().any(|known| place.starts_with(known)))
        .map(|(place, change)| (place.clone(), change.clone()))
        .collect();
    if !rest.is_empty() {
        told.push(format!("The packages {} differ: {}.", item.name, was_is(&rest)));
    }
    told
}

/// The two sides of a transaction that is only on one of them, by package.
fn apart(before: &Value, after: &Value) -> Fields {
    let side = |of: &Value| -> BTreeMap<String, Value> {
        let parts = of.as_object().into_iter().flatten().filter_map(|(key, part)| {
            let names = part.as_object()?.iter();
            let named = names.map(|(name, value)| (format!("{key}.{name}"), value.clone()));
            Some(named.collect::<Vec<_>>())
        });
        parts.flatten().collect()
    };
    let (mut old, new) = (side(before), side(after));
    let mut fields: Fields = new
        .into_iter()
        .map(|(place, value)| (place.clone(), (old.remove(&place), Some(value))))
        .collect();
    fields.extend(old.into_iter().map(|(place, value)| (place, (Some(value), None))));
    fields
}

fn facts(item: &Item) -> Vec<String> {
    let mut words = item.name.splitn(4, ' ');
    let (slot, who) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let argument = |value: &Value| text(&value["argument"]);
    let told = match &item.change {
        Change::Added { after } if slot == KERNEL_ARGUMENT => {
            format!("The kernel gets the argument `{}`, by `{who}`.", argument(after))
        }
        Change::Removed { before } if slot == KERNEL_ARGUMENT => {
            format!("The kernel no longer gets the argument `{}`.", argument(before))
        }
        Change::Changed { fields } if slot == KERNEL_ARGUMENT => match fields.get("argument") {
            Some((before, after)) => {
                format!("The kernel gets the argument {} instead of {}.", said(after), said(before))
            }
            // The reason alone differs.
            None => return Vec::new(),
        },
        Change::Added { after } => {
            format!("`{who}` tells others by `{slot}`: {}.", short(after))
        }
        Change::Removed { .. } => format!("`{who}` no longer tells others by `{slot}`."),
        Change::Changed { fields } => {
            format!("`{who}` tells others something else by `{slot}`: {}.", was_is(fields))
        }
    };
    vec![told]
}

/// What is named after its phase: `install user me`, `install /etc/motd`.
fn phased(item: &Item) -> String {
    let (phase, what) = item.name.split_once(' ').unwrap_or(("", &item.name));
    let unit = |state: &Value| state.as_str().map(str::to_owned);
    match &item.change {
        Change::Added { after } => match unit(after) {
            Some(state) if what.contains('.') && !what.contains(' ') => {
                format!("The unit `{what}` is {state}, in `{phase}`.")
            }
            _ if item.section == "files" => format!("The path `{what}` is set, in `{phase}`."),
            _ => format!("There is now the {what}, in `{phase}`."),
        },
        Change::Removed { before } => match unit(before) {
            Some(state) if what.contains('.') && !what.contains(' ') => {
                format!("The unit `{what}` is no longer {state}, in `{phase}`.")
            }
            _ if item.section == "files" => {
                format!("The path `{what}` is no longer set, in `{phase}`.")
            }
            _ => format!("There is no longer the {what}, in `{phase}`."),
        },
        Change::Changed { fields } => {
            let what = match item.section {
                "files" => format!("The path `{what}`"),
                _ => format!("The {what}"),
            };
            format!("{what} differs: {}.", was_is(fields))
        }
    }
}

fn other(item: &Item) -> String {
    let name = &item.name;
    let what = match item.section {
        "image" => format!("The image's {name}"),
        "outputs" => format!("The output `{name}`"),
        "parameters" => {
            let (element, parameter) = name.split_once('.').unwrap_or((name, ""));
            format!("The parameter `{parameter}` of `{element}`")
        }
        "grants" => {
            let (element, right) = name.split_once(": ").unwrap_or((name, ""));
            return match item.change {
                Change::Removed { .. } => format!("`{element}` may no longer: {right}."),
                _ => format!("`{element}` may now: {right}."),
            };
        }
        "pins" => format!("What is pinned for `{name}`"),
        "inputs" => format!("The input `{name}`"),
        "steps" => {
            let (phase, label) = name.split_once(' ').unwrap_or(("", name));
            format!("The step of `{label}` in `{phase}`")
        }
        "slots" => format!("The slot `{name}`"),
        "wishes" => {
            let mut words = name.splitn(3, ' ');
            let (who, _, what) = (words.next(), words.next(), words.next());
            format!("What `{}` wishes of the {}", who.unwrap_or_default(), what.unwrap_or_default())
        }
        "nodes" => format!("The node `{name}` of the block device"),
        "disks" => "How the disks are made".to_owned(),
        "findings" => {
            return match item.change {
                Change::Removed { .. } => format!("No longer remarked on: {name}."),
                _ => format!("Remarked on: {name}."),
            };
        }
        section => format!("Of the {section}, `{name}`"),
    };
    match &item.change {
        Change::Added { after: Value::Null } => format!("{what} is new."),
        Change::Added { after } => format!("{what} is new: {}.", short(after)),
        Change::Removed { .. } => format!("{what} is gone."),
        Change::Changed { fields } => match fields.get("") {
            Some((before, after)) => {
                format!("{what} is {} instead of {}.", said(after), said(before))
            }
            None => format!("{what} differs: {}.", was_is(fields)),
        },
    }
}

/// `label is "a" instead of "b", size is …`
fn was_is(fields: &Fields) -> String {
    let told = fields.iter().map(|(place, (before, after))| {
        let (before, after) = (said(before), said(after));
        match place.as_str() {
            "" => format!("{after} instead of {before}"),
            place => format!("`{place}` is {after} instead of {before}"),
        }
    });
    told.collect::<Vec<_>>().join(", ")
}

fn said(value: &Option<Value>) -> String {
    value.as_ref().map_or_else(|| "nothing".to_owned(), short)
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| short(value), str::to_owned)
}
