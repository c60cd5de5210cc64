//! Registries and the store of what was pulled, as verbs use them.

use dibhost_registry::Outside;
use dibhost_registry::oci::{ElementStore, Logins, Registries, RegistryError, StoreError};

use crate::cli::{ElementOptions, RegistryOptions};
use crate::failure::Failure;
use crate::surroundings;

/// How registries are reached from here.
pub(crate) fn registries(options: &RegistryOptions) -> Registries {
    Registries {
        outside: Outside::of(&surroundings::builder()),
        plain: options.plain_http.iter().map(|host| host.trim().to_ascii_lowercase()).collect(),
        logins: surroundings::docker_folder().map_or_else(Logins::none, Logins::in_folder),
    }
}

/// The store of what was pulled.
pub(crate) fn open_store(options: &ElementOptions) -> Result<ElementStore, Failure> {
    ElementStore::open(&surroundings::cache_folder(options)).map_err(of_store)
}

/// What went wrong with a registry, with what to do.
pub(crate) fn of_registry(error: RegistryError) -> Failure {
    let help = error.help().map(|help| format!("\n  help: {help}")).unwrap_or_default();
    Failure::failed(format!("{error}{help}"))
}

/// What went wrong with the store, with what to do.
pub(crate) fn of_store(error: StoreError) -> Failure {
    let help = error.help().map(|help| format!("\n  help: {help}")).unwrap_or_default();
    Failure::failed(format!("{error}{help}"))
}
