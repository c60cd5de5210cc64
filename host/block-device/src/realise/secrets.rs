//! Secrets, fetched before anything is written: one that is not there stops a build while all is as
//! it was.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use dibhost_sys::SecretBytes;

use super::error::RealiseError;
use crate::layout::{Layout, VolumeMap};
use crate::secret::Secrets;

/// All that a layout needs.
pub(crate) struct Fetched(BTreeMap<String, Arc<SecretBytes>>);

impl Fetched {
    /// Fetches them.
    pub(crate) fn of(layout: &Layout, from: &dyn Secrets) -> Result<Self, RealiseError> {
        let mut fetched = BTreeMap::new();
        for volume in &layout.volumes {
            let VolumeMap::Luks { secrets, .. } = &volume.map else { continue };
            for name in secrets {
                let secret = from.secret(name).map_err(|source| RealiseError::Secret {
                    node: volume.node.clone(),
                    secret: name.clone(),
                    source,
                })?;
                fetched.insert(name.clone(), secret);
            }
        }
        Ok(Self(fetched))
    }
}

impl Secrets for Fetched {
    fn secret(&self, name: &str) -> io::Result<Arc<SecretBytes>> {
        let missing = || io::Error::other("it was not fetched");
        self.0.get(name).cloned().ok_or_else(missing)
    }
}
