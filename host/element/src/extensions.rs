//! What a newer contract may have added to a record.

use dibhost_check::Check;

use crate::refusal::Refusal;

/// Keys that a newer contract may have added: one with `!` must be understood.
pub(crate) fn known_extensions(extensions: &[(String, String)]) -> Result<(), Refusal> {
    let insisted = |key: &str| Check::InsistedExtension.holds() && key.starts_with('!');
    match extensions.iter().find(|(key, _)| insisted(key)) {
        Some((key, _)) => Err(Refusal::unsupported(format!(
            "this host does not know `{}`, which the element insists on",
            dibhost_text::harmless(key, 100)
        ))),
        None => Ok(()),
    }
}
