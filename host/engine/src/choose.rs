//! Which packages the first tree of an image would be made of now.

use std::path::Path;
use std::sync::Arc;

use dibhost_packages::Package;
use dibhost_plan::Plan;
use dibhost_registry::Fetcher;
use dibhost_registry::oci::Registries;
use dibhost_sys::Cancel;

use crate::base::Bases;
use crate::event::Event;
use crate::failure::BuildFailure;
use crate::packages::Packages;
use crate::teller::Teller;
use crate::work::{SEEN, WorkFolder, open_cache};

/// Has the package manager choose them, of the newest there are. Nothing is downloaded but its indexes,
/// and nothing installed. None: a tree that is there is not made of packages.
///
/// # Errors
/// The cache cannot be used, no mirror is reached, or the packages do not go together.
pub fn choose_packages(
    plan: &Plan,
    cache: &Path,
    registries: &Registries,
    cancel: &Cancel,
    tell: &mut dyn FnMut(Event),
) -> Result<Option<Vec<Package>>, BuildFailure> {
    let Some(first) = plan.transactions.iter().find(|t| t.bootstrap.is_some()) else {
        return Ok(None);
    };
    let making = |e| BuildFailure::new(e).doing("making a work folder in the cache");
    let cache = open_cache(cache)?;
    let work = WorkFolder::create(&cache.join("work"), None).map_err(making)?;
    let seen = work.path().join(SEEN);
    std::fs::create_dir(&seen).map_err(making)?;
    let fetcher = Fetcher::open(&cache.join("fetched"), work.path(), registries.outside.clone())
        .map_err(|e| BuildFailure::new(e).doing("making ready what indexes are asked for with"))?;
    let mut base =
        Bases { arch: &plan.image.arch, cache: &cache, work: work.path(), seen: &seen, registries };
    let mut packages = Packages::new(plan, &mut base, Arc::new(fetcher), &[], cancel);
    let mut teller = Teller::new(tell);
    let resolution = packages.resolve_first(first, &mut teller)?;
    Ok(resolution.map(|resolution| resolution.packages.clone()))
}
