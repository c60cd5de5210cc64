//! Limits: what the definition sets, for elements that are in the image.

use dibhost_definition::{Definition, Diagnostics};

use crate::parameters::not_in_image;
use crate::resolve::Elements;

pub(crate) fn check(definition: &Definition, elements: &Elements, wrong: &mut Diagnostics) {
    for section in definition.limits.elements.values() {
        if !elements.contains_key(&section.element.value) {
            wrong.push(not_in_image("limits.elements", &section.element, elements));
        }
    }
}
