//! How large a schema may be. Schemas come from elements and are compiled and run by the host,
//! outside of any sandbox: one that is small as text can still take for ever, or all of the
//! stack, when it refers to itself or doubles itself again and again.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::digest::canonical;

/// Bytes of a schema's text: the host's own have less than 3,000.
const TEXT: usize = 64 << 10;
/// How deep it is nested: the host's own are nested less than 8 deep. Compiling takes stack.
const DEPTH: usize = 32;
/// What checking one byte of a value may cost, each `$ref` counted as what it refers to: the
/// host's largest comes to about 100.
const WEIGHT: u64 = 4_000;
/// Bytes of a compiled pattern: several classes of Unicode's letters fit, a count of counts does
/// not.
pub(super) const PATTERN_SIZE: usize = 128 << 10;
/// Bytes of a pattern.
const PATTERN: usize = 1_000;
/// What a pattern weighs besides its states: compiling one takes as long as many keywords.
const PATTERN_WEIGHT: u64 = 32;
/// About as many bytes as a state of a compiled pattern has.
const STATE: usize = 64;
/// Weight of a schema times the bytes of a value: about a second, whatever both are. A value of
/// 50 KiB may have any schema, one of the largest (1 MiB) a schema of 200 keywords or a pattern.
const WORK: u64 = 200 << 20;

/// Keywords that draft 2020-12 resolves at run time, or that move what `#` means.
const REFUSED: [&str; 5] =
    ["$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor", "$anchor"];

/// What checking values by a schema costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Weight(u64);

impl Weight {
    /// Refuses a value that would keep the host busy for too long.
    pub(super) fn bears(self, value: &Value) -> Result<(), String> {
        let bytes = u64::try_from(bytes(value)).unwrap_or(u64::MAX);
        if self.0.saturating_mul(bytes) <= WORK {
            return Ok(());
        }
        Err(format!(
            "checking its {bytes} bytes by a schema of this weight would take too long: give several smaller values"
        ))
    }
}

/// About as many bytes as a value has as text, without writing it.
fn bytes(value: &Value) -> usize {
    match value {
        Value::Object(map) => map.iter().map(|(k, v)| k.len() + 4 + bytes(v)).sum::<usize>() + 2,
        Value::Array(items) => items.iter().map(|v| 1 + bytes(v)).sum::<usize>() + 2,
        Value::String(text) => text.len() + 2,
        _ => 8,
    }
}

/// Weighs a schema.
///
/// # Errors
/// Why it is too large, as a sentence part after "the schema … is none:".
pub(super) fn weigh(schema: &Value) -> Result<Weight, String> {
    let mut weigher = Weigher { root: schema, known: BTreeMap::new(), open: Vec::new() };
    // Depth first: everything else here, and writing it as text, takes stack.
    shallow(schema, 0)?;
    let text = canonical(schema).len();
    if text > TEXT {
        return Err(format!("it has {text} bytes, and may have {TEXT}"));
    }
    let weight = weigher.schema(schema, "#", true)?;
    if weight > WEIGHT {
        let weight =
            if weight == u64::MAX { "endlessly many".to_owned() } else { weight.to_string() };
        return Err(format!(
            "with everything that it refers to it comes to {weight} keywords, and may come to {WEIGHT}"
        ));
    }
    Ok(Weight(weight.max(1)))
}

fn shallow(value: &Value, depth: usize) -> Result<(), String> {
    if depth > DEPTH {
        return Err(format!("it is nested more than {DEPTH} deep"));
    }
    match value {
        Value::Object(map) => map.values().try_for_each(|v| shallow(v, depth + 1)),
        Value::Array(items) => items.iter().try_for_each(|v| shallow(v, depth + 1)),
        _ => Ok(()),
    }
}

struct Weigher<'a> {
    root: &'a Value,
    /// What a reference comes to, once it is known.
    known: BTreeMap<&'a str, u64>,
    /// References that are being followed.
    open: Vec<&'a str>,
}

impl<'a> Weigher<'a> {
    fn schema(&mut self, schema: &'a Value, at: &str, is_root: bool) -> Result<u64, String> {
        let mut weight: u64 = 1;
        match schema {
            Value::Object(map) => {
                for (key, value) in map {
                    let place = || format!("{at}/{key}");
                    let more = match (key.as_str(), value) {
                        // Only what is referred to is checked; but all of it is compiled.
                        ("$defs" | "definitions", Value::Object(all)) => {
                            self.named(all, &place())?.min(WEIGHT) / 8
                        }
                        ("properties" | "dependentSchemas", Value::Object(all)) => {
                            self.named(all, &place())?
                        }
                        ("patternProperties", Value::Object(all)) => {
                            let patterns =
                                all.keys().map(|p| self::pattern(p)).sum::<Result<u64, _>>()?;
                            patterns.saturating_add(self.named(all, &place())?)
                        }
                        ("const" | "enum" | "default" | "examples", value) => values(value),
                        ("$ref", Value::String(target)) => self.reference(target)?,
                        ("pattern", Value::String(pattern)) => self::pattern(pattern)?,
                        ("$id", _) if !is_root => {
                            return Err(format!(
                                "it has an `$id` at `{at}`: only the whole has one"
                            ));
                        }
                        (key, _) if REFUSED.contains(&key) => {
                            return Err(format!(
                                "it has `{key}` at `{at}`; write `$ref` with a place in `#/$defs`"
                            ));
                        }
                        _ => self.schema(value, &place(), false)?,
                    };
                    weight = weight.saturating_add(more);
                }
            }
            Value::Array(items) => {
                for item in items {
                    weight = weight.saturating_add(self.schema(item, at, false)?);
                }
            }
            _ => {}
        }
        Ok(weight)
    }

    /// Schemas by names of their own, which are no keywords.
    fn named(&mut self, all: &'a Map<String, Value>, at: &str) -> Result<u64, String> {
        all.iter().try_fold(1, |weight: u64, (name, value)| {
            let more = self.schema(value, &format!("{at}/{name}"), false)?;
            Ok(weight.saturating_add(more))
        })
    }

    fn reference(&mut self, target: &'a str) -> Result<u64, String> {
        if let Some(weight) = self.known.get(target) {
            return Ok(*weight);
        }
        let Some(pointer) = target.strip_prefix('#') else {
            return Err(format!(
                "it refers to {target:?}, which is no place in itself, as `#/$defs/…` is"
            ));
        };
        if self.open.contains(&target) {
            let circle: Vec<&str> = self.open.iter().copied().chain([target]).collect();
            return Err(format!(
                "it refers to itself in a circle ({}), so that checking a value may never end",
                circle.join(" → ")
            ));
        }
        if self.open.len() >= DEPTH {
            return Err(format!(
                "it refers from one place to the next more than {DEPTH} times, at last to `{target}`"
            ));
        }
        let found = if pointer.is_empty() {
            Some(self.root)
        } else {
            // Pointers in URLs may be escaped; the names of definitions need no such letters.
            self.root.pointer(pointer).filter(|_| !pointer.contains('%'))
        };
        let Some(found) = found else {
            return Err(format!("it refers to `{target}`, where there is nothing"));
        };
        self.open.push(target);
        let weight = self.schema(found, target, pointer.is_empty())?;
        self.open.pop();
        self.known.insert(target, weight);
        Ok(weight)
    }
}

/// How many values there are in a value, itself included.
fn values(value: &Value) -> u64 {
    match value {
        Value::Object(map) => map.values().map(values).sum::<u64>() + 1,
        Value::Array(items) => items.iter().map(values).sum::<u64>() + 1,
        _ => 1,
    }
}

/// What matching a pattern costs for each byte: its states, which a pattern with counts has many
/// of. All of them may have to be followed at once, whatever is tried to avoid that.
fn pattern(pattern: &str) -> Result<u64, String> {
    if pattern.len() > PATTERN {
        return Err(format!(
            "it has a pattern of {} bytes, and one may have {PATTERN}",
            pattern.len()
        ));
    }
    // Nobody tells how large a compiled pattern is, only whether it is larger than asked for.
    let fits = |size: &usize| regex::RegexBuilder::new(pattern).size_limit(*size).build().is_ok();
    let sizes = std::iter::successors(Some(1 << 10), |size| Some(size * 2));
    let size = sizes.take_while(|size| *size < PATTERN_SIZE).find(fits).unwrap_or(PATTERN_SIZE);
    Ok(PATTERN_WEIGHT + u64::try_from(size / STATE).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refused(schema: &Value) -> String {
        weigh(schema).unwrap_err()
    }

    #[test]
    fn the_hosts_own_schemas_weigh_little() {
        for slot in crate::schema::HOST_SLOTS {
            let schema: Value = serde_json::from_str(slot.schema).unwrap();
            let Weight(weight) = weigh(&schema).unwrap();
            assert!(weight * 4 < WEIGHT, "{}: {weight}", slot.name);
        }
    }

    #[test]
    fn a_schema_that_doubles_itself_is_refused_before_it_is_compiled() {
        let mut defs = serde_json::Map::new();
        for i in 0..30 {
            let next = format!("#/$defs/d{}", i + 1);
            defs.insert(format!("d{i}"), json!({"allOf": [{"$ref": next}, {"$ref": next}]}));
        }
        defs.insert("d30".to_owned(), json!({"type": "string"}));
        let bomb = json!({"$ref": "#/$defs/d0", "$defs": defs});
        assert!(refused(&bomb).contains("keywords, and may come to 4000"), "{}", refused(&bomb));
    }

    #[test]
    fn what_is_refused_and_why() {
        let mut deep = json!({"type": "string"});
        for _ in 0..60 {
            deep = json!({"not": deep});
        }
        let told = [
            deep,
            json!({"enum": ["x".repeat(70_000)]}),
            json!({"enum": (0..5000).collect::<Vec<_>>()}),
            json!({"$ref": "#"}),
            json!({"properties": {"a": {"$ref": "#/$defs/b"}}, "$defs": {"b": {"items": {"$ref": "#/$defs/c"}}, "c": {"not": {"$ref": "#/$defs/b"}}}}),
            {
                let next = |i: usize| json!({"$ref": format!("#/$defs/d{}", i + 1)});
                let chain = (0..100).map(|i| (format!("d{i}"), next(i)));
                let defs: Map<String, Value> = chain.chain([("d100".to_owned(), json!({}))]).collect();
                json!({"$ref": "#/$defs/d0", "$defs": defs})
            },
            json!({"$ref": "#/$defs/nothing"}),
            json!({"$ref": "file:///etc/passwd"}),
            json!({"$dynamicRef": "#x"}),
            json!({"items": {"$id": "urn:x", "$ref": "#"}}),
            json!({"pattern": "a".repeat(1001)}),
        ]
        .map(|schema| refused(&schema));
        insta::assert_snapshot!(told.join("\n"), @r#"
        it is nested more than 32 deep
        it has 70013 bytes, and may have 65536
        with everything that it refers to it comes to 5002 keywords, and may come to 4000
        it refers to itself in a circle (# → #), so that checking a value may never end
        it refers to itself in a circle (#/$defs/b → #/$defs/c → #/$defs/b), so that checking a value may never end
        it refers from one place to the next more than 32 times, at last to `#/$defs/d32`
        it refers to `#/$defs/nothing`, where there is nothing
        it refers to "file:///etc/passwd", which is no place in itself, as `#/$defs/…` is
        it has `$dynamicRef` at `#`; write `$ref` with a place in `#/$defs`
        it has an `$id` at `#/items`: only the whole has one
        it has a pattern of 1001 bytes, and one may have 1000
        "#);
    }

    #[test]
    fn a_pattern_of_many_states_is_heavy() {
        let of = |pattern: &str| super::pattern(pattern).unwrap();
        // Each letter of the value doubles what a deterministic automaton would have to know.
        let nasty = of("(a|b)*a(a|b){800}c");
        assert!(nasty > 20 * of("^[a-z0-9-]+$"), "{nasty} {}", of("^[a-z0-9-]+$"));
        let schema = json!({"pattern": "(a|b)*a(a|b){800}c"});
        let compiled = crate::schema::compile(&schema).unwrap();
        let long = json!("ab".repeat(1 << 19));
        assert!(crate::schema::check(&compiled, &long).unwrap_err().contains("too long"));
        assert!(crate::schema::check(&compiled, &json!("abc")).unwrap_err().contains("match"));
    }

    #[test]
    fn names_of_properties_and_choices_are_no_keywords() {
        let odd = json!({"type": "string"});
        let fine = json!({"properties": {"$id": odd, "$ref": odd, "$anchor": odd, "pattern": odd},
            "enum": [{"$ref": "#"}]});
        assert!(weigh(&fine).is_ok(), "{:?}", weigh(&fine));
    }

    #[test]
    fn a_large_value_may_not_have_a_heavy_schema() {
        let Weight(heavy) = weigh(&json!({"anyOf": vec![json!({"type": "string"}); 900]})).unwrap();
        assert!(heavy > 1800);
        let value = json!("x".repeat(1 << 20));
        assert!(Weight(heavy).bears(&value).is_err());
        assert!(Weight(heavy).bears(&json!("x".repeat(1 << 16))).is_ok());
        assert!(Weight(100).bears(&value).is_ok());
    }
}
