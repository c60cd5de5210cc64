//! What a newer contract may have added to a record. This host knows nothing of that kind: what an
//! element says by a key is told, in the plan where it was said while planning, and refused where
//! the element insists on being understood.

use dibhost_check::Check;
use dibhost_text::harmless;

use crate::observer::Level;
use crate::refusal::Refusal;
use crate::state::State;

/// Bytes of a key that are told.
const SHOWN: usize = 100;

/// The keys of a record, as sentences have them; refused when one has a `!`.
pub(crate) fn unknown(extensions: &[(String, String)]) -> Result<Vec<String>, Refusal> {
    let insisted = |key: &str| Check::InsistedExtension.holds() && key.starts_with('!');
    match extensions.iter().find(|(key, _)| insisted(key)) {
        Some((key, _)) => Err(Refusal::unsupported(format!(
            "this host does not know `{}`, which the element insists on",
            harmless(key, SHOWN)
        ))),
        None => Ok(extensions.iter().map(|(key, _)| harmless(key, SHOWN)).collect()),
    }
}

impl State {
    /// Tells of the extensions of a record that the element handed over, each once in a call;
    /// `of` is what it is of: `the package `vim``.
    pub(crate) fn extensions(
        &mut self,
        extensions: &[(String, String)],
        of: impl FnOnce() -> String,
    ) -> Result<(), Refusal> {
        if extensions.is_empty() {
            return Ok(());
        }
        let of = of();
        for key in unknown(extensions)? {
            let told = told(&key, &of);
            if self.told.insert(told.clone()) {
                self.log.write(Level::Warn, &told, &[])?;
            }
        }
        Ok(())
    }
}

/// The sentence about a key that is not known.
pub(crate) fn told(key: &str, of: &str) -> String {
    format!("it says `{key}` of {of}, which this host does not know and does without")
}
