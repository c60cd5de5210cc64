//! Repositories of one name, as one.

use dibhost_definition::Diagnostics;

use super::conflict::{By, conflict, note};
use crate::transaction::PlannedRepository;
use crate::wish::{Repository, WishRecord};

/// Adds a repository to those of a transaction. What one wants for the build and another in the
/// image is in the image.
pub(super) fn add(
    all: &mut Vec<PlannedRepository>,
    record: &WishRecord,
    wanted: &Repository,
    wrong: &mut Diagnostics,
) {
    let Some(there) = all.iter_mut().find(|r| r.repository.name() == wanted.name()) else {
        all.push(PlannedRepository {
            phase: record.phase,
            repository: wanted.clone(),
            wanted_by: vec![record.element.clone()],
        });
        return;
    };
    let build_only = there.repository.build_only() && wanted.build_only();
    let merged = there.repository.clone().with_build_only(build_only);
    if merged != wanted.clone().with_build_only(build_only) {
        let first = there.wanted_by.first().cloned().unwrap_or_default();
        let first = By { element: &first, step: None, phase: there.phase, place: None };
        let subject = format!("the repository `{}`", wanted.name());
        wrong.push(conflict(&subject, first, "one", By::of(record), "another"));
    }
    there.repository = merged;
    note(&mut there.wanted_by, &record.element);
}
