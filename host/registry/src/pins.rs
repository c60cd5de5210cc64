//! What was found where nothing was said beforehand: known from `dib.lock`, or found in this build.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Element → what was asked for, as [`dibhost_plan::remote`] writes it → what it is.
pub type Found = BTreeMap<String, BTreeMap<String, String>>;

/// The pins of one build, shared by its steps.
#[derive(Debug, Default)]
pub struct Pins {
    known: Found,
    found: Mutex<Found>,
    closed: bool,
}

impl Pins {
    /// Those that are known; `closed`: no others may be made.
    #[must_use]
    pub fn new(known: Found, closed: bool) -> Self {
        Self { known, found: Mutex::default(), closed }
    }

    /// What is known from before the build.
    #[must_use]
    pub fn known(&self, element: &str, asked: &str) -> Option<&str> {
        Some(self.known.get(element)?.get(asked)?)
    }

    /// Whether no others may be made.
    #[must_use]
    pub fn closed(&self) -> bool {
        self.closed
    }

    /// What this build found.
    #[must_use]
    pub fn found_here(&self, element: &str, asked: &str) -> Option<String> {
        self.found().get(element)?.get(asked).cloned()
    }

    /// Notes what was found; what holds is answered: where another step of the element was first,
    /// what that one found. So one build has one file under one name.
    #[must_use]
    pub fn find(&self, element: &str, asked: &str, is: &str) -> String {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let of_element = found.entry(element.to_owned()).or_default();
        of_element.entry(asked.to_owned()).or_insert_with(|| is.to_owned()).clone()
    }

    /// All that this build found.
    #[must_use]
    pub fn found(&self) -> Found {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_finds_first_says_what_holds_for_its_element() {
        let known = Found::from([(
            "one".to_owned(),
            BTreeMap::from([("https://x/a".to_owned(), "sha256:1".to_owned())]),
        )]);
        let pins = Pins::new(known, false);
        assert_eq!(pins.known("one", "https://x/a"), Some("sha256:1"));
        assert_eq!(pins.known("other", "https://x/a"), None);
        assert_eq!(pins.found_here("one", "https://x/b"), None);
        assert_eq!(pins.find("one", "https://x/b", "sha256:2"), "sha256:2");
        assert_eq!(pins.find("one", "https://x/b", "sha256:3"), "sha256:2");
        assert_eq!(pins.find("other", "https://x/b", "sha256:3"), "sha256:3");
        assert_eq!(pins.found_here("one", "https://x/b").as_deref(), Some("sha256:2"));
        assert_eq!(pins.found().len(), 2);
    }
}
