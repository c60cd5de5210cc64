//! `[disks]`: how all disks are laid out and made.

use super::entry::{Entry, Item};
use super::error::ConfigError;
use crate::layout::Optimise;
use crate::realise::Backend;

/// The keys of the table.
pub const KEYS: [&str; 2] = ["backend", "optimise"];

/// What `[disks]` says; none: it says nothing of that.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DiskSettings {
    /// What makes them.
    pub backend: Option<Backend>,
    /// What they are laid out for.
    pub optimise: Option<Optimise>,
}

impl DiskSettings {
    /// Reads what stands at the key `disks`.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn read(item: &Item<'_>) -> Result<Self, Vec<ConfigError>> {
        let mut wrong = Vec::new();
        let mut settings = Self::default();
        match Entry::of_table(item, "`[disks]`", &mut wrong) {
            Some(mut table) => {
                table.known_keys("`[disks]`", &KEYS, &[]);
                settings.backend =
                    table.one_of("backend", Backend::ALL.map(|backend| (backend.name(), backend)));
                settings.optimise = table
                    .one_of("optimise", Optimise::ALL.map(|purpose| (purpose.name(), purpose)));
            }
            None => {
                let help = "write `[disks]`, and its keys below it";
                wrong.push(ConfigError::new(item.span(), "`disks` is no table", help));
            }
        }
        if wrong.is_empty() { Ok(settings) } else { Err(wrong) }
    }
}
