//! Whose wish the host was carrying out, for the sentence that says that it could not.

use dibhost_plan::Plan;
use dibhost_text::quoted_list;

/// What stands behind what was being done: the line of the definition that asks for it, else the
/// elements that do. `subject` is what `--why` calls it.
pub(crate) fn asked_by(plan: &Plan, subject: &str, elements: &[String]) -> String {
    if let Some(place) = plan.places.get(subject) {
        return format!(", which {place} asks for");
    }
    match elements {
        [] => String::new(),
        [one] => format!(", which `{one}` wishes for"),
        several => format!(", which {} wish for", quoted_list(several)),
    }
}
