//! How large a description is, before anything is made of it: it is read by people, kept in a
//! cache and shown by every plan.

use crate::bindings::exports::dib::element::metadata::{
    Condition, Description, Parameter, ParameterKind, Request, Requirement, Slot, SlotUse, Step,
};
use crate::limits::{DESCRIPTION_BYTES, DESCRIPTION_ENTRIES, spoken_bytes};

/// What a description holds.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Size {
    bytes: usize,
    entries: usize,
}

impl Size {
    fn text(&mut self, text: &str) {
        self.bytes += text.len();
    }

    fn maybe(&mut self, text: Option<&String>) {
        self.bytes += text.map_or(0, String::len);
    }

    fn texts(&mut self, texts: &[String]) {
        self.entries += texts.len();
        self.bytes += texts.iter().map(String::len).sum::<usize>();
    }

    fn pairs(&mut self, pairs: &[(String, String)]) {
        self.entries += pairs.len();
        self.bytes += pairs.iter().map(|(k, v)| k.len() + v.len()).sum::<usize>();
    }

    fn parameter(&mut self, parameter: &Parameter) {
        let Parameter { name, kind, default, doc, aliases, extensions } = parameter;
        self.text(name);
        self.text(doc);
        self.maybe(default.as_ref());
        self.texts(aliases);
        self.pairs(extensions);
        match kind {
            ParameterKind::Choice(choices) => self.texts(choices),
            ParameterKind::Json(schema) => self.text(schema),
            ParameterKind::Text
            | ParameterKind::Integer
            | ParameterKind::Boolean
            | ParameterKind::TextList
            | ParameterKind::Secret => {}
        }
    }

    fn step(&mut self, step: &Step) {
        let Step { name, phase: _, provides, consumes, after, before, plan_only: _, extensions } =
            step;
        self.text(name);
        self.entries += provides.len() + consumes.len();
        for Slot { name, arity: _, timing: _, schema, doc, extensions } in provides {
            self.pairs(extensions);
            self.text(name);
            self.text(doc);
            self.maybe(schema.as_ref());
        }
        for SlotUse { name, arity: _, required: _, extensions } in consumes {
            self.pairs(extensions);
            self.text(name);
        }
        self.texts(after);
        self.texts(before);
        self.pairs(extensions);
    }

    fn of(said: &Description) -> Self {
        let mut size = Self::default();
        for text in [&said.name, &said.version, &said.summary, &said.license] {
            size.text(text);
        }
        size.entries += said.requires.len() + said.parameters.len();
        size.entries += said.steps.len() + said.requests.len();
        for Requirement { name, version, optional: _, extensions } in &said.requires {
            size.pairs(extensions);
            size.text(name);
            size.text(version);
        }
        size.texts(&said.stands_in_for);
        size.texts(&said.conflicts_with);
        said.parameters.iter().for_each(|p| size.parameter(p));
        said.steps.iter().for_each(|s| size.step(s));
        for Request { capability, scope, reason, when, extensions } in &said.requests {
            size.pairs(extensions);
            size.text(capability);
            size.text(scope);
            size.text(reason);
            size.entries += when.len();
            for Condition { slot, field, one_of, extensions } in when {
                size.pairs(extensions);
                size.text(slot);
                size.text(field);
                size.texts(one_of);
            }
        }
        size.pairs(&said.extensions);
        size
    }
}

/// Refuses a description that is larger than any person reads.
pub(crate) fn check(said: &Description) -> Result<(), String> {
    let Size { bytes, entries } = Size::of(said);
    if bytes > DESCRIPTION_BYTES {
        let (bytes, most) = (spoken_bytes(bytes as u64), spoken_bytes(DESCRIPTION_BYTES as u64));
        return Err(format!("its texts have {bytes}; {most} is the most"));
    }
    if entries > DESCRIPTION_ENTRIES {
        return Err(format!(
            "it has {entries} parameters, slots, requests and the like; {DESCRIPTION_ENTRIES} is the most"
        ));
    }
    Ok(())
}
