//! What a step is called: its element alone where that says which step it is, else
//! `ELEMENT/STEP`, as `after` and `before` have it too.

/// The element, or `ELEMENT/STEP` where the step's name is told.
#[must_use]
pub fn label(element: &str, step: Option<&str>) -> String {
    step.map_or_else(|| element.to_owned(), |step| format!("{element}/{step}"))
}
