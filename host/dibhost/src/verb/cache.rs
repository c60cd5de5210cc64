//! `dibhost cache`: the layers that builds keep, and the elements that were pulled.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use dibhost_engine::layer_store;
use dibhost_layers::store::{Bad, Collected, Listed, Policy, Store, StoreError, Verified, What};
use dibhost_registry::oci::{ElementStore, ListedElement};
use dibhost_sys::Cancel;
use dibhost_text::{format_duration, short_size};
use serde_json::json;

use crate::cli::{CacheFolder, CacheGcArgs, CacheVerb, DataFormat};
use crate::failure::Failure;
use crate::registries::of_store;
use crate::surroundings;

/// Lists, verifies or collects.
pub(crate) fn run(verb: &CacheVerb) -> Result<(), Failure> {
    let cancel = Cancel::new();
    super::build::cancelled_by_signals(&cancel)?;
    match verb {
        CacheVerb::List { format, folder } => {
            let listed = open(folder, &cancel)?.list().map_err(failed)?;
            let pulled = pulled(folder)?.map(|store| store.list().map_err(of_store)).transpose()?;
            let (pulled, now) = (pulled.unwrap_or_default(), SystemTime::now());
            super::show(&match format {
                DataFormat::Text if listed.is_empty() && !pulled.is_empty() => {
                    list_pulled(&pulled, now)
                }
                DataFormat::Text => list(&listed, now) + &list_pulled(&pulled, now),
                DataFormat::Json => list_json(&listed, &pulled),
            })
        }
        CacheVerb::Verify { folder } => {
            let verified = open(folder, &cancel)?.verify(&mut |_| {}, &cancel).map_err(failed)?;
            let wrong =
                pulled(folder)?.map(|store| store.verify().map_err(of_store)).transpose()?;
            let wrong = wrong.unwrap_or_default();
            let lines: String = wrong.iter().map(|why| format!("dropped  {why}\n")).collect();
            super::show(&(lines + &verified_text(&verified)))?;
            match verified.bad.len() + wrong.len() {
                0 => Ok(()),
                n => Err(Failure::failed(format!(
                    "{n} things were not what was kept; they are dropped, and made anew when they are \
                     wanted"
                ))),
            }
        }
        CacheVerb::Gc(args) => {
            let collected = open(&args.folder, &cancel)?.gc(&policy(args)).map_err(failed)?;
            let mut text = collected_text(&collected, args.dry_run);
            if let Some(store) = pulled(&args.folder)? {
                let unused = args.unused.map(Duration::from_millis);
                let (elements, bytes) = store.collect(unused, args.dry_run).map_err(of_store)?;
                if bytes > 0 {
                    let word = if args.dry_run { "would go" } else { "gone" };
                    let _ = writeln!(
                        text,
                        "{word}: {elements} pulled elements, and {} that no element needs",
                        short_size(bytes)
                    );
                }
            }
            super::show(&text)
        }
    }
}

fn open(folder: &CacheFolder, cancel: &Cancel) -> Result<Store, Failure> {
    layer_store(&surroundings::cache_of(folder.cache.as_ref()), cancel).map_err(Failure::failed)
}

/// The elements that were pulled, where any were.
fn pulled(folder: &CacheFolder) -> Result<Option<ElementStore>, Failure> {
    ElementStore::find(&surroundings::cache_of(folder.cache.as_ref())).map_err(of_store)
}

fn failed(error: StoreError) -> Failure {
    let help = error.help().map(|help| format!("\n  help: {help}")).unwrap_or_default();
    Failure::failed(format!("{error}{help}"))
}

fn policy(args: &CacheGcArgs) -> Policy {
    Policy {
        most_bytes: args.size,
        oldest: args.unused.map(Duration::from_millis),
        min_free: args.free,
        useless: Some(Duration::from_secs(3600)),
        dry_run: args.dry_run,
    }
}

/// The first digits of a key.
fn short(key: &dibhost_layers::store::Key) -> String {
    key.to_string().chars().take(12).collect()
}

/// What an entry is of.
fn action(entry: &Listed) -> &str {
    entry.note["action"].as_str().unwrap_or("?")
}

fn age(then: SystemTime, now: SystemTime) -> String {
    let age = now.duration_since(then).unwrap_or_default();
    match age.as_secs() {
        seconds @ 0..=119 => format!("{seconds} s"),
        seconds @ 120..=7199 => format!("{} min", seconds / 60),
        seconds @ 7200..=172_799 => format!("{} h", seconds / 3600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

fn milliseconds(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}

/// A line for each, that which was used last at the top.
fn list(entries: &[Listed], now: SystemTime) -> String {
    if entries.is_empty() {
        return "nothing is kept\n".to_owned();
    }
    let mut entries: Vec<&Listed> = entries.iter().collect();
    entries.sort_by(|a, b| b.used.cmp(&a.used).then(a.key.cmp(&b.key)));
    let mut text = "key           size      took      used     of\n".to_owned();
    for entry in &entries {
        let (size, took) =
            (short_size(entry.own + entry.shared), format_duration(milliseconds(entry.took)));
        let _ = write!(
            text,
            "{}  {size:<8}  {took:<8}  {:<7}  {}",
            short(&entry.key),
            age(entry.used, now),
            action(entry)
        );
        let held: Vec<String> = entry.held.iter().map(ToString::to_string).collect();
        if !held.is_empty() {
            let _ = write!(text, "; stays: {}", held.join(", "));
        }
        if let Some(why) = &entry.wrong {
            let _ = write!(text, "; of no use: {why}");
        }
        text.push('\n');
    }
    let bytes = entries.iter().map(|entry| entry.own).sum::<u64>();
    let _ = writeln!(text, "{} layers, {} and what they share", entries.len(), short_size(bytes));
    text
}

/// A line for each element that was pulled.
fn list_pulled(elements: &[ListedElement], now: SystemTime) -> String {
    let mut text = String::new();
    for element in elements {
        let _ = writeln!(
            text,
            "element  oci://{}@{}  {}  used {}",
            element.repository,
            element.manifest,
            element.tags.join(" "),
            age(element.used, now)
        );
    }
    text
}

fn list_json(entries: &[Listed], pulled: &[ListedElement]) -> String {
    let seconds = |time: SystemTime| {
        time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
    };
    let entry = |entry: &Listed| {
        json!({
            "key": entry.key,
            "action": entry.note["action"],
            "own-bytes": entry.own,
            "shared-bytes": entry.shared,
            "made": seconds(entry.made),
            "used": seconds(entry.used),
            "took-milliseconds": milliseconds(entry.took),
            "stands-on": entry.stands_on,
            "held": entry.held.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "wrong": entry.wrong,
        })
    };
    let element = |element: &ListedElement| {
        json!({
            "element": format!("oci://{}", element.repository),
            "manifest-digest": element.manifest,
            "tags": element.tags,
            "used": seconds(element.used),
        })
    };
    let all = entries.iter().map(entry).chain(pulled.iter().map(element));
    format!("{:#}\n", json!(all.collect::<Vec<_>>()))
}

fn verified_text(verified: &Verified) -> String {
    let mut text = String::new();
    for Bad { what, why } in &verified.bad {
        let _ = match what {
            What::Entry(key) => writeln!(text, "dropped  {}  {why}", short(key)),
            What::Object(digest) => writeln!(text, "dropped  the object {digest}: {why}"),
            What::Root(name) => writeln!(text, "dropped  the root {name}: {why}"),
            What::Stray(path) => writeln!(text, "stray    {path}: {why}"),
        };
    }
    let _ = writeln!(text, "{} were read", short_size(verified.bytes));
    text
}

fn collected_text(collected: &Collected, dry_run: bool) -> String {
    let word = if dry_run { "would go" } else { "gone    " };
    let mut text = String::new();
    for removed in &collected.removed {
        let _ = writeln!(
            text,
            "{word}  {}  {}: {}",
            short(&removed.key),
            short_size(removed.bytes),
            removed.why
        );
    }
    for object in &collected.objects {
        let _ = writeln!(text, "{word}  {}: {}", short_size(object.bytes), object.why);
    }
    for (key, why) in &collected.kept {
        let _ = writeln!(text, "stays     {}  {why}", short(key));
    }
    let (before, after) = (short_size(collected.before), short_size(collected.after));
    let _ = writeln!(text, "{before} before, {after} after");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_told_in_the_unit_that_says_most() {
        let then = SystemTime::UNIX_EPOCH;
        let told = |seconds: u64| age(then, then + Duration::from_secs(seconds));
        assert_eq!([5, 119, 120, 7200, 172_800].map(told), ["5 s", "119 s", "2 min", "2 h", "2 d"]);
    }
}
