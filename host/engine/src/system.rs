//! What a tree that somebody else made is: as an element says while planning, and as the tree says
//! itself.

use dibhost_plan::Plan;
use dibhost_text::harmless;
use dibhost_tree::{Scope, TargetError, TargetPath, Tree};
use serde::Deserialize;

use crate::failure::BuildFailure;

/// The slot that an element says it in.
const DISTRIBUTION: &str = "dib:os/distribution@1";
/// Where a tree says it: os-release(5).
const OS_RELEASE: &str = "/etc/os-release";
/// More than any has.
const MOST: u64 = 64 << 10;

/// A system, by what an element said of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct System {
    /// `ID` of os-release(5).
    pub id: String,
    /// `VERSION_ID`; empty where there is none.
    pub version_id: String,
    /// `bookworm`; empty where there is none.
    pub codename: String,
    /// `apt`, `dnf`, `zypper`.
    pub package_manager: String,
}

impl System {
    /// That of a plan; none: no element says it.
    pub(crate) fn of(plan: &Plan) -> Option<Self> {
        let fact = plan.facts_of(DISTRIBUTION).next()?;
        serde_json::from_value(fact.value.clone()).ok()
    }

    /// Whether a tree says the same of itself.
    pub(crate) fn check(&self, tree: &mut dyn Tree) -> Result<(), BuildFailure> {
        let path = TargetPath::new(OS_RELEASE).map_err(BuildFailure::new)?;
        let text = match tree.read(&Scope::all(), &path, 0, MOST) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(TargetError::NotFound(_)) => String::new(),
            Err(error) => {
                return Err(BuildFailure::new(error).doing(format!("reading `{OS_RELEASE}`")));
            }
        };
        let said = |key: &str| value(&text, key);
        let (id, version) = (said("ID"), said("VERSION_ID"));
        let newer = |rest: &str| rest.is_empty() || rest.starts_with('.');
        let same_version =
            self.version_id.is_empty() || version.strip_prefix(&self.version_id).is_some_and(newer);
        if id == self.id && same_version {
            return Ok(());
        }
        let is = match id.as_str() {
            "" => format!("does not say what it is: it has no `{OS_RELEASE}` with an `ID`"),
            _ => format!("says that it is `{}`", harmless(format!("{id} {version}").trim(), 80)),
        };
        let told = format!("{} {}", self.id, self.version_id);
        Err(BuildFailure::new(format!("the tree {is}, and what makes it says `{}`", told.trim()))
            .with_help("say what it is in the parameters of the element that makes the first tree"))
    }
}

/// What a variable of os-release(5) is, without its quotes; empty: it is not there.
fn value(text: &str, key: &str) -> String {
    let line = text.lines().find_map(|line| line.trim().strip_prefix(key)?.strip_prefix('='));
    let line = line.unwrap_or_default().trim();
    let quoted = |quote: char| line.strip_prefix(quote)?.strip_suffix(quote);
    quoted('"').or_else(|| quoted('\'')).unwrap_or(line).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_tree_says_of_itself_is_read() {
        let text = "# x\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\nID=debian\nID_LIKE='x y'\n";
        assert_eq!(value(text, "ID"), "debian");
        assert_eq!(value(text, "VERSION_ID"), "12");
        assert_eq!(value(text, "ID_LIKE"), "x y");
        assert_eq!(value(text, "VERSION"), "");
    }
}
