//! `[limits]`: keys with a size, a time or a number, for all elements and for one each.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

use crate::diagnostic::Diagnostic;
use crate::limit::{ElementLimits, Limit, LimitSettings, Measure};
use crate::location::Spanned;
use crate::reader::{Item, Reader, integer, kind};
use dibhost_text::parse_duration;
use dibhost_text::parse_size;

/// The table in `[limits]` that is no limit.
const ELEMENTS: &str = "elements";

impl Reader<'_> {
    pub(crate) fn limits(&mut self, item: &Item<'_>) -> LimitSettings {
        let mut settings = LimitSettings::default();
        let Some(table) = self.table(item, "limits") else { return settings };
        let mut keys: Vec<&str> = Limit::ALL.iter().map(|l| l.key()).collect();
        keys.push(ELEMENTS);
        self.known_keys(table, &keys, "`[limits]`");
        settings.all = self.limit_values(table);
        let elements = table.iter().find(|(key, _)| key.get_ref() == ELEMENTS);
        let Some((_, item)) = elements else { return settings };
        let Some(table) = self.table(item, "limits.elements") else { return settings };
        for (element, item) in table {
            let name = element.get_ref().to_string();
            let section = format!("limits.elements.{name}");
            let Some(table) = self.table(item, &section) else { continue };
            let keys: Vec<&str> = Limit::ALL.iter().map(|l| l.key()).collect();
            self.known_keys(table, &keys, &format!("`[{section}]`"));
            let limits = self.limit_values(table);
            let element = Spanned::new(name.clone(), self.source.locate(&element.span()));
            settings.elements.insert(name, ElementLimits { element, limits });
        }
        settings
    }

    fn limit_values(&mut self, table: &DeTable<'_>) -> BTreeMap<Limit, Spanned<u64>> {
        let mut values = BTreeMap::new();
        for (key, item) in table {
            let Some(limit) = Limit::from_key(key.get_ref()) else { continue };
            match limit_value(limit, item.get_ref()) {
                Ok(value) => {
                    values.insert(limit, self.spanned(item, value));
                }
                Err(diagnostic) => self.refuse(item, diagnostic),
            }
        }
        values
    }
}

fn limit_value(limit: Limit, value: &DeValue<'_>) -> Result<u64, Diagnostic> {
    let number = integer(value).and_then(|n| u64::try_from(n).ok());
    let wanted = |what: &str| {
        Diagnostic::new(format!("`{limit}` has to be {what}; this is {}", kind(value)))
    };
    let amount = match (limit.measure(), value) {
        (Measure::Bytes, DeValue::String(text)) => parse_size(text).map_err(Diagnostic::new)?,
        (Measure::Time, DeValue::String(text)) => parse_duration(text).map_err(Diagnostic::new)?,
        (Measure::Bytes, _) => number.ok_or_else(|| wanted("a size, as `\"64MiB\"`"))?,
        (Measure::Time, _) => number
            .and_then(|seconds| seconds.checked_mul(1_000))
            .ok_or_else(|| wanted("a time, as `\"10 min\"`, or a number of seconds"))?,
        (Measure::Count, _) => number.ok_or_else(|| wanted("a whole number"))?,
    };
    let bounds = limit.bounds();
    if bounds.contains(&amount) {
        return Ok(amount);
    }
    let (least, most) = (limit.shown(*bounds.start()), limit.shown(*bounds.end()));
    Err(Diagnostic::new(format!("`{limit}` cannot be {}", limit.shown(amount)))
        .with_help(format!("it bounds {}, from {least} to {most}", limit.bounded())))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::Definition;
    use crate::diagnostic::Diagnostics;

    fn read(limits: &str) -> Result<LimitSettings, Diagnostics> {
        let text = format!("[image]\nname = \"x\"\nelements = [\"a\"]\n{limits}");
        Definition::parse(&text, "image.toml", Path::new(".")).map(|d| d.limits)
    }

    #[test]
    fn what_is_set_for_one_element_comes_before_what_is_set_for_all() {
        let settings = read(
            "[limits]\nmemory = \"128MiB\"\nstep-time = \"20 min\"\nplan-time = 30\nfiles = 7\n\
             [limits.elements.big]\nmemory = \"512 MiB\"\nfuel = 1_000_000\n",
        )
        .unwrap();
        let big = settings.of("big");
        assert_eq!(big.get(Limit::Memory), 512 << 20);
        assert_eq!(big.get(Limit::StepTime), 20 * 60 * 1_000);
        assert_eq!(big.get(Limit::PlanTime), 30_000);
        assert_eq!(big.get(Limit::Files), 7);
        assert_eq!(big.counted(Limit::Fuel), Some(1_000_000));
        let other = settings.of("other");
        assert_eq!(other.get(Limit::Memory), 128 << 20);
        assert_eq!(other.counted(Limit::Fuel), None);
        assert_eq!(other.get(Limit::Written), 4 << 30);
    }

    /// Each key is set to its least and its most, and to one less and one more.
    #[test]
    fn every_limit_has_its_bounds() {
        for limit in Limit::ALL {
            let set = |value: u64| {
                let value = match limit.measure() {
                    Measure::Time => format!("\"{value} ms\""),
                    _ => value.to_string(),
                };
                read(&format!("[limits]\n{} = {value}\n", limit.key()))
            };
            let (least, most) = (*limit.bounds().start(), *limit.bounds().end());
            for good in [least, most] {
                assert_eq!(set(good).unwrap().of("a").get(*limit), good, "{limit}");
            }
            let bad = [least.checked_sub(1), most.checked_add(1).filter(|n| *n < 1 << 63)];
            for bad in bad.into_iter().flatten() {
                let said = set(bad).unwrap_err().to_string();
                assert!(said.contains(&format!("`{limit}` cannot be")), "{said}");
            }
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let said = read(
            "[limits]\nmemroy = \"1GiB\"\nmemory = \"5GiB\"\nstep-time = \"10 minutes\"\nfiles = \"many\"\n\
             [limits.elements]\nx = 1\n[limits.elements.motd]\nfact = 1\nfacts = -1\n",
        );
        insta::assert_snapshot!(said.unwrap_err(), @r#"
        image.toml:5:1: unknown key `memroy`
          5 | memroy = "1GiB"
            | ^^^^^^
          help: did you mean `memory`?
        image.toml:6:10: `memory` cannot be 5 GiB
          6 | memory = "5GiB"
            |          ^^^^^^
          help: it bounds the linear memory of one call, from 1 MiB to 4 GiB
        image.toml:7:13: `10 minutes` is no duration: after a whole number comes `ms`, `s`, `min` or `h`, and without a unit it is seconds
          7 | step-time = "10 minutes"
            |             ^^^^^^^^^^^^
        image.toml:8:9: `files` has to be a whole number; this is a text
          8 | files = "many"
            |         ^^^^^^
        image.toml:10:5: `limits.elements.x` has to be a table; this is the number 1
          10 | x = 1
             |     ^
          help: write it as `[limits.elements.x]`
        image.toml:12:1: unknown key `fact`
          12 | fact = 1
             | ^^^^
          help: did you mean `facts`?
        image.toml:13:9: `facts` has to be a whole number; this is the number -1
          13 | facts = -1
             |         ^^
        "#);
    }
}
