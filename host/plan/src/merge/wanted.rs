//! Who wished for a package, a module or a group, and in which words.

use crate::transaction::WantedBy;
use crate::wish::WishRecord;

/// Notes who made this wish, once.
pub(super) fn note_with_reason(wanted_by: &mut Vec<WantedBy>, record: &WishRecord, reason: &str) {
    let wanted = WantedBy {
        element: record.element.clone(),
        phase: record.phase,
        step: record.step.clone(),
        reason: reason.to_owned(),
    };
    if !wanted_by.contains(&wanted) {
        wanted_by.push(wanted);
    }
}
