//! Units that are enabled and that nothing would start.

use dibhost_definition::Contents;

use crate::plan::{Plan, PlanFinding};
use crate::wish::{UnitState, Wish};

/// What `systemctl enable` acts on, in the section `[Install]`.
const INSTALLS: [&str; 5] = ["WantedBy", "RequiredBy", "UpheldBy", "Alias", "Also"];

impl Plan {
    /// Units that are to be enabled, whose text is in the plan and names nothing that would start them:
    /// `systemctl enable` does nothing for these, and says no error.
    pub(crate) fn never_started(&self) -> Vec<PlanFinding> {
        let enabled = self.unit_states.iter().filter(|unit| unit.state == UnitState::Enabled);
        enabled
            .filter_map(|state| {
                let text = self.unit_definitions.iter().find(|unit| unit.unit == state.unit)?;
                (!installs(&text.content)).then(|| self.idle(&state.unit))
            })
            .collect()
    }

    fn idle(&self, name: &str) -> PlanFinding {
        let asks = self.wishes.iter().find(|record| {
            matches!(&record.wish, Wish::Service { unit, state: UnitState::Enabled } if unit == name)
        });
        PlanFinding {
            element: asks
                .map(|record| record.element.clone())
                .filter(|element| element != Contents::ELEMENT),
            phase: asks.map(|record| record.phase),
            location: asks.and_then(|record| record.location.as_ref()).map(ToString::to_string),
            message: format!(
                "the unit `{name}` is enabled, and its text has no `[Install]` that says what starts it"
            ),
            help: Some(
                "add `[Install]` with `WantedBy=multi-user.target` (of a timer: `timers.target`) to \
                 its text; if another unit starts it, leave its state away"
                    .to_owned(),
            ),
        }
    }
}

/// Whether a text says what a unit is started by.
fn installs(text: &str) -> bool {
    let mut within = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            within = line == "[Install]";
        } else if let Some((key, value)) = line.split_once('=')
            && within
            && INSTALLS.contains(&key.trim())
            && !value.trim().is_empty()
        {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::installs;

    #[test]
    fn only_its_own_section_says_what_starts_a_unit() {
        assert!(installs("[Service]\nExecStart=/bin/true\n[Install]\nWantedBy = a.target\n"));
        assert!(installs("[Install]\r\nAlias=b.service\r\n"));
        for idle in [
            "[Unit]\nDescription=x\n",
            "[Unit]\nWantedBy=a.target\n",
            "[Install]\nWantedBy=\n",
            "[Install]\n# WantedBy=a.target\n",
            "[Install]\nDefaultInstance=a\n[Unit]\nAlias=b.service\n",
        ] {
            assert!(!installs(idle), "{idle}");
        }
    }
}
