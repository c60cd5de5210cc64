//! Facts that nobody declared, that do not fit, or that are bombs.

use anyhow::{Context as _, Result, anyhow, ensure};
use dibhost_check::Check;
use dibhost_plan::schema::{self, LAYOUT};
use serde_json::{Value, json};

use crate::case::{Case, call};
use crate::script::Script;

const SLOT: &str = "test:loot@1";

/// A layout without anything in it, as the host itself could give it.
const NO_LAYOUT: &str = r#"{"table":null,"partitions":[],"mounts":[],"volumes":[]}"#;

/// The layout that a case gives fits the host's slot: else its schema stops it, and nobody sees what
/// becomes of it where only the check is taken out.
pub(crate) fn the_layout_fits() -> Result<()> {
    let slot = schema::host_slot(LAYOUT).context("the host has no such slot")?.planned();
    let schema = slot.schema.as_ref().context("the slot has no schema")?;
    let compiled = schema::compile(schema).map_err(|why| anyhow!(why))?;
    let fits = schema::check(&compiled, &serde_json::from_str(NO_LAYOUT)?);
    ensure!(fits.is_ok(), "{NO_LAYOUT}: {fits:?}");
    Ok(())
}

pub(crate) fn slot(name: &str, timing: &str, schema: &Value) -> Value {
    json!({"name": name, "arity": "Many", "timing": timing, "schema": schema.to_string(), "doc": "", "extensions": []})
}

/// A slot of the host that takes many values, as an element declares it.
fn host_slot(name: &str) -> Value {
    json!({"name": name, "arity": "Many", "timing": "Planned", "schema": null, "doc": "", "extensions": []})
}

/// The slot by which the host's own elements say which Debian it is.
const CHOICE: &str = "dibhost:debian/choice@1";

/// The step in `root` reads a slot.
fn reads(script: &mut Script, slot: &str, arity: &str) {
    let uses = json!({"name": slot, "arity": arity, "required": false, "extensions": []});
    if let Some(slots) = script.step("Root")["consumes"].as_array_mut() {
        slots.push(uses);
    }
}

/// The step in `root` provides a slot.
pub(crate) fn provides(script: &mut Script, slot: Value) {
    if let Some(slots) = script.step("Root")["provides"].as_array_mut() {
        slots.push(slot);
    }
}

pub(crate) fn fact(slot: &str, key: &str, value: &str) -> Value {
    call("Provide", json!({"slot": slot, "key": key, "value": value}))
}

fn text(check: Check, name: &'static str) -> Case {
    Case::on(check, name).with(|s| provides(s, slot(SLOT, "Planned", &json!({"type": "string"}))))
}

/// A schema of some kilobytes that is checked 2 to the power of `times` times.
fn doubling(times: usize) -> Value {
    let part = |n: usize| {
        let next = json!({"$ref": format!("#/$defs/d{}", n + 1)});
        (format!("d{n}"), json!({"allOf": [next, next]}))
    };
    let mut parts: serde_json::Map<_, _> = (0..times).map(part).collect();
    parts.insert(format!("d{times}"), json!({"type": "string"}));
    json!({"$defs": parts, "$ref": "#/$defs/d0"})
}

/// A reader of the slot who trusts the facts of one provider.
fn believed(case: Case, provider: &str) -> Case {
    case.and("reader")
        .with(|script| {
            let uses = json!({"name": SLOT, "arity": "Many", "required": true, "extensions": []});
            if let Some(slots) = script.step("Root")["consumes"].as_array_mut() {
                slots.push(uses);
            }
        })
        .plans([call("ComesFrom", json!({"slot": SLOT, "provider": provider}))])
}

/// It says that it is another, in all that is its own to say.
fn pretending(case: Case, name: &str) -> Case {
    case.with(|s| provides(s, slot(SLOT, "Planned", &json!({"type": "object"}))))
        .plans_quietly([fact(SLOT, name, &json!({"provider": name, "phase": "root"}).to_string())])
}

pub(crate) fn all() -> Vec<Case> {
    let mut all = of_others();
    all.extend(of_its_own());
    all
}

fn of_others() -> Vec<Case> {
    vec![
        // The host says who provided a fact: no call of the contract takes a provider.
        believed(
            pretending(Case::held_by("the contract", "a_fact_in_another_s_name"), "debian"),
            "debian",
        )
        .says("`test:loot@1` is `hostile`'s, not `debian`'s"),
        believed(
            pretending(Case::on(Check::ElementName, "a_fact_under_another_s_name"), "debian")
                .with(|s| s.description["name"] = "debian".into()),
            "debian",
        )
        .says("`debian`"),
    ]
}

fn of_its_own() -> Vec<Case> {
    vec![
        Case::on(Check::FactProvide, "a_slot_that_nobody_declared_is_written")
            .may("facts", "dib:boot/kernel-argument@1")
            .plans([fact(
                "dib:boot/kernel-argument@1",
                "",
                "{\"argument\":\"init=/evil\",\"reason\":null}",
            )])
            .says("does not declare that it provides `dib:boot/kernel-argument@1`"),
        Case::on(Check::FactConsume, "a_slot_that_nobody_declared_is_read")
            .plans([call("Consume", "dib:users/authorized-key@1")])
            .says("does not declare that it consumes `dib:users/authorized-key@1`")
            .second_wall("`facts` of `read dib:users/authorized-key@1` is not granted"),
        Case::on(Check::FactsGrant, "a_key_for_root_that_nobody_granted")
            .with(|s| provides(s, host_slot("dib:users/authorized-key@1")))
            .plans([fact(
                "dib:users/authorized-key@1",
                "",
                "{\"key\":\"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5\",\"user\":\"root\"}",
            )])
            .says("`hostile` asks for what the definition does not grant: `facts` `dib:users/authorized-key@1`")
            .says("facts = [\"dib:users/authorized-key@1\"]"),
        Case::on(Check::FactsGrant, "an_argument_of_the_kernel_beside_the_granted_slot")
            .with(|s| provides(s, host_slot("dib:boot/kernel-argument@1")))
            .grant("hostile", "facts", "dib:boot/loader@1")
            .plans([fact(
                "dib:boot/kernel-argument@1",
                "",
                "{\"argument\":\"init=/evil\",\"reason\":null}",
            )])
            .says("`hostile` asks for what the definition does not grant: `facts` `dib:boot/kernel-argument@1`"),
        Case::on(Check::FactsGrant, "a_mirror_for_the_host_s_own_elements")
            .with(|s| {
                let mut choice = slot(CHOICE, "Planned", &json!({"type": "object"}));
                choice["arity"] = "Optional".into();
                provides(s, choice);
            })
            .plans([fact(CHOICE, "", "{\"mirror\":\"http://evil.invalid/\",\"release\":null}")])
            .says("`hostile` asks for what the definition does not grant: `facts` `dibhost:debian/choice@1`")
            .says("facts = [\"dibhost:debian/choice@1\"]"),
        Case::on(Check::FactsReadGrant, "what_the_host_s_own_elements_say_to_one_another")
            .with(|s| reads(s, CHOICE, "Optional"))
            .plans([call("Consume", CHOICE)])
            .says("`hostile` asks for what the definition does not grant: `facts` `read dibhost:debian/choice@1`")
            .says("facts = [\"read dibhost:debian/choice@1\"]"),
        Case::on(Check::FactsReadGrant, "the_keys_that_log_in_by_the_slot_that_they_are_in")
            .with(|s| reads(s, "dib:users/authorized-key@1", "Many"))
            .grant("hostile", "facts", "dib:users/authorized-key@1")
            .plans([call("Consume", "dib:users/authorized-key@1")])
            .says("does not grant: `facts` `read dib:users/authorized-key@1`"),
        Case::on(Check::FactsReadGrant, "what_a_slot_says_by_what_is_granted_then")
            .may("packages", "sudo")
            .with(|s| {
                s.description["requests"][0]["when"] =
                    json!([{"slot": CHOICE, "field": "release", "one_of": ["sid"], "extensions": []}]);
            })
            .plans([])
            .says("does not grant: `facts` `read dibhost:debian/choice@1`"),
        text(Check::FactKey, "a_key_of_a_fact_writes_to_the_terminal")
            .plans([fact(SLOT, "\u{1b}[31m", "\"x\"")])
            .says("has control characters"),
        text(Check::TerminalCodes, "a_key_of_a_fact_that_turns_the_sentence_around")
            .plans([fact(SLOT, "a\u{202e}b", "\"x\""), fact(SLOT, "a\u{202e}b", "\"y\"")])
            .says("with the key `a\\u{202e}b` already")
            .gets_out(|_, outcome| outcome.stderr.contains('\u{202e}')),
        text(Check::FactBytes, "a_fact_of_five_mebibytes")
            .plans([call("ProvideLong", json!({"slot": SLOT, "bytes": 5 << 20}))])
            .says("provided facts of more than 4 MiB in `plan(root)`"),
        text(Check::FactSchema, "a_fact_that_does_not_fit_its_schema")
            .plans([fact(SLOT, "", "{\"not\": \"text\"}")])
            .says("a value of `test:loot@1` does not fit its schema"),
        Case::on(Check::FactSchema, "a_fact_that_writes_a_second_kernel_command")
            .with(|s| provides(s, host_slot("dib:boot/kernel-argument@1")))
            .grant("hostile", "facts", "dib:boot/kernel-argument@1")
            .plans([fact(
                "dib:boot/kernel-argument@1",
                "",
                "{\"argument\":\"quiet\\nset root=(evil)\",\"reason\":null}",
            )])
            .says("a value of `dib:boot/kernel-argument@1` does not fit its schema"),
        Case::on(Check::FactTiming, "an_observed_slot_is_written_while_planning")
            .with(|s| provides(s, slot(SLOT, "Observed", &json!({"type": "string"}))))
            .plans([fact(SLOT, "", "\"x\"")])
            .says("`test:loot@1` is observed: it is provided in `run`"),
        text(Check::Facts, "five_thousand_facts")
            // Which of the two limits is reached first is not left to the machine.
            .defines("[limits]\nplan-time = \"10min\"\n")
            .plans([call("Repeat", json!({"times": 5000, "call": fact(SLOT, "{n}", "\"x\"")}))])
            .says("provided more than 4096 facts in `plan(root)`"),
        Case::on(Check::HostSlot, "a_fact_that_only_the_host_gives")
            .with(|s| {
                provides(
                    s,
                    json!({
                        "name": LAYOUT, "arity": "One", "timing": "Planned", "schema": null,
                        "doc": "", "extensions": [],
                    }),
                )
            })
            .plans([fact(LAYOUT, "", NO_LAYOUT)])
            .says("it provides `dib:block-device/layout@1`, which is the host's alone"),
        Case::on(Check::SlotName, "a_slot_whose_name_is_a_path")
            .with(|s| provides(s, slot("../../etc/passwd", "Planned", &json!({"type": "string"}))))
            .has_a_step()
            .says("\"../../etc/passwd\" is no name of a slot"),
        Case::on(Check::SchemaBacktracking, "a_schema_whose_pattern_backtracks")
            .with(|s| provides(s, slot(SLOT, "Planned", &json!({"pattern": "^(?=(a+)+$)(a+)+$"}))))
            .has_a_step()
            .says("the schema of its slot `test:loot@1` is none"),
        Case::on(Check::SchemaValid, "a_schema_of_the_builders_own_files")
            .with(|s| provides(s, slot(SLOT, "Planned", &json!({"$ref": "file:///etc/passwd"}))))
            .has_a_step()
            .says("the schema of its slot `test:loot@1` is none")
            .second_wall("the schema of the slot `test:loot@1` is none"),
        Case::on(Check::SchemaBomb, "a_schema_that_doubles_forty_times")
            .with(|s| provides(s, slot(SLOT, "Planned", &doubling(40))))
            .has_a_step()
            .says("the schema of its slot `test:loot@1` is none"),
        Case::on(Check::SlotArity, "a_second_value_where_there_is_one")
            .with(|s| {
                let mut one = slot(SLOT, "Planned", &json!({"type": "string"}));
                one["arity"] = "One".into();
                provides(s, one);
            })
            .plans([fact(SLOT, "a", "\"x\""), fact(SLOT, "b", "\"y\"")])
            .says("`test:loot@1` takes one value"),
        Case::on(Check::SlotClash, "a_slot_that_means_something_else_to_another")
            .with(|s| provides(s, slot(SLOT, "Planned", &json!({"type": "integer"}))))
            .has_a_step()
            .and("other")
            .with(|s| provides(s, slot(SLOT, "Planned", &json!({"type": "string"}))))
            .plans([fact(SLOT, "", "\"x\"")])
            .says("`test:loot@1`")
            .says("their schemas differ"),
        Case::held_by("serde_json", "a_fact_a_hundred_thousand_lists_deep")
            .with(|s| provides(s, slot(SLOT, "Planned", &json!(true))))
            .plans([fact(SLOT, "", &"[".repeat(100_000))])
            .says("a value of `test:loot@1` is no JSON: recursion limit exceeded"),
    ]
}
