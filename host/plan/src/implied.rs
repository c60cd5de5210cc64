//! The requests that an element's declarations are.

use std::collections::BTreeMap;

use dibhost_check::Check;
use dibhost_text::quoted_list;

use crate::description::{Description, Request};
use crate::grant::Grants;
use crate::schema;

impl Description {
    /// Adds the requests that its declarations are: to declare that it provides a slot of `dib:`
    /// is to ask for `facts` of that slot. So no author has to think of it, in any language, and
    /// none can leave it out; a request of the element's own for the slot gives a better reason.
    #[must_use]
    pub fn with_implied_requests(mut self) -> Self {
        if !Check::FactsGrant.holds() {
            return self;
        }
        let mut phases: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for step in &self.steps {
            for slot in step.provides.iter().filter(|slot| schema::granted(&slot.name)) {
                let phases = phases.entry(&slot.name).or_default();
                if !phases.contains(&step.phase.name()) {
                    phases.push(step.phase.name());
                }
            }
        }
        let implied = phases.into_iter().map(|(slot, phases)| Request {
            capability: "facts".to_owned(),
            scope: slot.to_owned(),
            reason: format!("it provides this slot in {}", quoted_list(phases)),
            when: Vec::new(),
        });
        let implied: Vec<_> = implied.collect();
        let own = Grants::asked(&self.requests, &[]);
        let missing: Vec<_> = own.missing(&implied).into_iter().cloned().collect();
        self.requests.extend(missing);
        self
    }
}
