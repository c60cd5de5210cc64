//! The requests that an element's declarations are.

use std::collections::BTreeMap;

use dibhost_check::Check;
use dibhost_text::quoted_list;

use crate::description::{Description, Request};
use crate::grant::Grants;
use crate::schema;
use crate::slot::FactUse;

impl Description {
    /// Adds the requests that its declarations are: to declare that it provides a slot of `dib:`, or
    /// has to do with one of `dibhost:`, is to ask for `facts` of that slot. So no author has to
    /// think of it, in any language, and none can leave it out; a request of the element's own for
    /// the slot gives a better reason.
    #[must_use]
    pub fn with_implied_requests(mut self) -> Self {
        let mut phases: BTreeMap<(FactUse, &str), Vec<&str>> = BTreeMap::new();
        for step in &self.steps {
            let provides = step.provides.iter().map(|slot| (FactUse::Provide, slot.name.as_str()));
            let reads = step.consumes.iter().map(|slot| (FactUse::Read, slot.name.as_str()));
            for asked in provides.chain(reads).filter(|(may, slot)| is_asked(*may, slot)) {
                let phases = phases.entry(asked).or_default();
                if !phases.contains(&step.phase.name()) {
                    phases.push(step.phase.name());
                }
            }
        }
        // What it holds tells it what the value is.
        let conditions = self.requests.iter().flat_map(|request| &request.when);
        for slot in conditions.map(|condition| condition.slot.as_str()) {
            if is_asked(FactUse::Read, slot) {
                phases.entry((FactUse::Read, slot)).or_default();
            }
        }
        let implied = phases.into_iter().map(|((may, slot), phases)| {
            let reason = match may {
                _ if phases.is_empty() => "what it asks for depends on this slot".to_owned(),
                FactUse::Provide => format!("it provides this slot in {}", quoted_list(phases)),
                FactUse::Read => format!("it reads this slot in {}", quoted_list(phases)),
            };
            request(may, slot, reason)
        });
        let implied: Vec<_> = implied.collect();
        let own = Grants::asked(&self.requests, &[]);
        let missing: Vec<_> = own.missing(&implied).into_iter().cloned().collect();
        self.requests.extend(missing);
        self
    }
}

fn is_asked(may: FactUse, slot: &str) -> bool {
    let check = match may {
        FactUse::Provide => Check::FactsGrant,
        FactUse::Read => Check::FactsReadGrant,
    };
    check.holds() && schema::granted(may, slot)
}

fn request(may: FactUse, slot: &str, reason: String) -> Request {
    let scope = match may {
        FactUse::Provide => slot.to_owned(),
        FactUse::Read => format!("read {slot}"),
    };
    Request { capability: "facts".to_owned(), scope, reason, when: Vec::new() }
}
