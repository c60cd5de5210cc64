//! The store of layers in the cache. What it cannot do costs time, and no build fails of it.

use std::path::Path;

use dibhost_layers::store::{Store, StoreError};
use dibhost_sys::Cancel;

use crate::event::Level;
use crate::failure::BuildFailure;
use crate::teller::Teller;
use crate::work::open_cache;

/// The folder of the layers in the cache.
const LAYERS: &str = "layers";

/// The store of the layers in a cache.
///
/// # Errors
/// The cache cannot be opened, is somebody else's, or has something else in the place of the store.
pub fn layer_store(cache: &Path, cancel: &Cancel) -> Result<Store, BuildFailure> {
    open(&open_cache(cache)?, cancel).map_err(|error| {
        let help = error.help().map(str::to_owned);
        BuildFailure { help, ..BuildFailure::new(error) }
    })
}

/// The same of a cache that is open.
pub(crate) fn open(cache: &Path, cancel: &Cancel) -> Result<Store, StoreError> {
    Store::open(&cache.join(LAYERS), cancel)
}

/// What the store answered; none, and told, where it cannot: a build goes on without.
pub(crate) fn usable<T>(
    answer: Result<T, StoreError>,
    teller: &mut Teller<'_>,
) -> Result<Option<T>, BuildFailure> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(StoreError::Cancelled) => {
            Err(BuildFailure { cancelled: true, ..BuildFailure::new("cancelled") })
        }
        Err(error) => {
            let help = error.help().map(|help| format!("; {help}")).unwrap_or_default();
            teller.line(Level::Warning, "layers", &format!("{error}{help}"));
            Ok(None)
        }
    }
}
