//! Reading all that is kept, and dropping what is not what it was.

use dibhost_sys::Cancel;

use super::digest::{Digest, Key};
use super::error::{Doing as _, StoreError};
use super::folder::Look;
use super::graph::Graph;
use super::layout::Layout;
use super::objects;
use super::prune::drop_all;
use super::record::Object;
use super::roots;

/// Something that is not what it has to be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// An entry, which is dropped.
    Entry(Key),
    /// An object, which is dropped.
    Object(Digest),
    /// A root, which is dropped: it holds nothing any more.
    Root(String),
    /// Something that no store puts there, by its path in the store. It stays.
    Stray(String),
}

/// Something that is not what it has to be, and why.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bad {
    /// What it is.
    pub what: What,
    /// Why it is bad, as a sentence part.
    pub why: String,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The bytes that were read.
    pub done: u64,
    /// The bytes there are to read.
    pub total: u64,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verified {
    /// What is not what it has to be, each with its reason.
    pub bad: Vec<Bad>,
    /// Objects that no entry has, with their sizes. They stay: a collection takes them.
    pub orphans: Vec<(Digest, u64)>,
    /// How many bytes were read.
    pub bytes: u64,
}

/// Reads all objects, without a lock: builds go on. Then, alone, it drops what is bad.
pub(crate) fn verify(
    layout: &Layout,
    progress: &mut dyn FnMut(Progress),
    cancel: &Cancel,
) -> Result<Verified, StoreError> {
    let listing = objects::list(&layout.objects).doing(doing)?;
    let sizes = listing.objects.values().map(|found| found.size);
    let total = sizes.fold(0, u64::saturating_add);
    let mut done = 0;
    let mut bad = Vec::new();
    for (digest, found) in &listing.objects {
        let object = Object { digest: *digest, size: found.size };
        let wrong = wrong_in(layout, &object, cancel, &mut |bytes| {
            done += bytes;
            progress(Progress { done, total });
        })?;
        if wrong.is_some() {
            bad.push(object);
        }
    }
    let alone = layout.alone()?;
    let mut verified = Verified { bytes: done, ..Verified::default() };
    for object in bad {
        // Another build may have put it right meanwhile.
        if let Some(why) = wrong_in(layout, &object, cancel, &mut |_| {})? {
            objects::remove(&layout.objects, &object.digest).doing(doing)?;
            verified.bad.push(Bad { what: What::Object(object.digest), why });
        }
    }
    let graph = Graph::load(layout, false)?;
    for dropped in drop_all(layout, &alone, &graph, graph.wrong())? {
        verified.bad.push(Bad { what: What::Entry(dropped.key), why: dropped.why });
    }
    for (name, why) in roots::drop_broken(layout)? {
        verified.bad.push(Bad { what: What::Root(name), why });
    }
    for name in &graph.strays {
        let (what, why) = (What::Stray(format!("keys/{name}")), "its name is no key".to_owned());
        verified.bad.push(Bad { what, why });
    }
    for (path, why) in &graph.objects.strays {
        let what = What::Stray(format!("objects/{path}"));
        verified.bad.push(Bad { what, why: why.clone() });
    }
    let uses = Graph::load(layout, false)?;
    let used = uses.uses();
    let orphans = uses.objects.objects.iter().filter(|(digest, _)| !used.contains_key(digest));
    verified.orphans = orphans.map(|(digest, found)| (*digest, found.size)).collect();
    Ok(verified)
}

fn doing() -> String {
    "verifying the store".to_owned()
}

/// Why an object is bad; none: it is good, or gone.
fn wrong_in(
    layout: &Layout,
    object: &Object,
    cancel: &Cancel,
    each: &mut dyn FnMut(u64),
) -> Result<Option<String>, StoreError> {
    match objects::open(&layout.objects, object).doing(doing)? {
        Look::Absent => Ok(None),
        Look::Bad(why) => Ok(Some(why)),
        Look::Here(file) => {
            objects::wrong_in(&file, &object.digest, cancel, |piece| each(piece.len() as u64))
        }
    }
}
