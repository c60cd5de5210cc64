//! Packages that are called otherwise in each family of systems.

use crate::description::{Condition, Description};
use crate::error::Result;
use crate::plan::Plan;
use crate::slots::Distribution;
use crate::wish::Finding;

/// Packages by the family of the system, for an element that needs the same thing in each.
///
/// ```
/// use dibhost_element_sdk::{ByFamily, description};
///
/// const VENV: ByFamily = ByFamily(&[("debian", &["python3-venv"]), ("fedora", &["python3"])]);
///
/// let described = VENV.requests(description!(), "virtual environments");
/// ```
///
/// The step that wishes for them declares that it consumes [`Distribution`].
#[derive(Debug, Clone, Copy)]
pub struct ByFamily(pub &'static [(&'static str, &'static [&'static str])]);

impl ByFamily {
    /// Asks for them, of each family where the system is of it.
    pub fn requests(&self, described: Description, reason: &str) -> Description {
        self.0.iter().fold(described, |described, (family, packages)| {
            packages.iter().fold(described, |described, package| {
                described.request_when([Condition::family([*family])], "packages", *package, reason)
            })
        })
    }

    /// Wishes for those of the system; one of another family is refused, with what to do.
    ///
    /// # Errors
    /// Nobody says what the system is, or they were not requested.
    pub fn plan(&self, plan: &Plan<'_>, reason: &str) -> Result<()> {
        let family = plan.consume_one::<Distribution>()?.family;
        let Some((_, packages)) = self.0.iter().find(|(of, _)| *of == family) else {
            let message = format!(
                "Which packages bring that in a system of the family `{}` is not known here: \
                 {reason}.",
                family.escape_debug()
            );
            let help = "Leave the element out, and name the packages by `packages`.";
            plan.find(Finding::refusal(message).help(help));
            return Ok(());
        };
        packages.iter().try_for_each(|package| plan.package(*package, reason))
    }
}
