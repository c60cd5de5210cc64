//! What is fuzzed here: a value of the contract to every host function, and what an element says
//! of itself. Compiled for tests only.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use dibhost_arbitrary::Source;
use dibhost_definition::{Limit, Limits};
use dibhost_inputs::{Inputs, Known};
use dibhost_plan::Phase;
use dibhost_plan::description::{
    Arity, Description, Parameter, ParameterKind, Slot, SlotUse, StepDeclaration, Timing,
};
use dibhost_plan::fact::Fact;
use dibhost_plan::grant::{self, Grants, Right};
use dibhost_plan::planner::{BuilderSurroundings, TargetMachine};
use dibhost_plan::{FactUse, schema, validate};
use dibhost_registry::SimulatedFetch;
use dibhost_tree::{Output, SimulatedTarget};
use serde_json::json;

use crate::bindings::exports::dib::element::metadata;
use crate::effects;
use crate::held::handles::Build;
use crate::held::{facts, wishes};
use crate::interface::hook::call_any;
use crate::invoke;
use crate::observer::Silent;
use crate::remote::Remote;
use crate::secrets::NoSecrets;
use crate::state::{Call, Mode, State};

/// Calls of one input.
const CALLS: usize = 64;
/// What lies beside the tree and has to lie there unchanged afterwards.
const OUTSIDE: &str = "outside";

/// Calls host functions with arbitrary values, in `plan` or in `run`, with few grants or many,
/// on a tree with links that lead out of it.
///
/// # Panics
/// When a host function does; when something outside of the tree changed or was read; when a
/// wish, a fact or an output came through that is not granted, not declared or not sound.
pub fn host_functions(data: &[u8]) {
    let mut source = Source::new(data);
    let running = source.byte() & 1 == 1;
    let phase = Phase::ALL[usize::from(source.byte()) % Phase::ALL.len()];
    let grants = grants(source.byte());
    let call = call(if running { Mode::Run } else { Mode::Plan }, phase, grants.clone());
    let mut target = target();
    let tree = target.tree();
    let outside = tree.with_file_name(OUTSIDE);
    let mut heard = Silent;
    let served = effects::serve(&mut target, &mut heard, |effects| {
        let mut state = invoke::state(call, running.then_some(effects), Arc::new(NoSecrets));
        state.facts = facts::Facts::new(given());
        let outside = SimulatedFetch::default().file("http://a/", "x");
        state.remote = Some(Remote { fetch: Arc::new(outside), pins: Arc::default() });
        state.inputs = inputs();
        state.wishes = wishes::Wishes::new(Vec::new(), BuilderSurroundings::default());
        state.table.push(Build).expect("a table has room for one");
        for _ in 0..CALLS {
            if source.is_empty() {
                break;
            }
            call_any(&mut state, &mut source);
        }
        check(&mut state, &grants);
    });
    if let Err(panic) = served {
        std::panic::resume_unwind(panic);
    }
    let there = std::fs::read_to_string(&outside).expect("what is outside stays there");
    assert_eq!(there, OUTSIDE, "an element reached out of the tree");
    let beside: BTreeSet<_> = std::fs::read_dir(tree.parent().expect("a tree is in a folder"))
        .expect("the folder of the tree")
        .flatten()
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .collect();
    // `parts` and `backup` are the target's own.
    let ours = ["backup", OUTSIDE, "parts", "tree"].map(str::to_owned).into();
    assert!(beside.is_subset(&ours), "an element put something beside the tree: {beside:?}");
}

/// What came of the calls is within the grants and sound.
fn check(state: &mut State, grants: &Grants) {
    for wish in state.wishes.made() {
        if let Err(invalid) = validate::wish(&wish) {
            panic!("an unsound wish came through: {invalid}");
        }
        if let Err(missing) = grant::permits(grants, &wish) {
            panic!("a wish that is not granted came through: {missing}");
        }
    }
    let step = state.call.step().expect("the step is declared").clone();
    for (slot, key, _) in state.facts.provided() {
        assert!(step.provides.iter().any(|s| s.name == slot), "`{slot}` was not declared");
        let asked = Right::Facts(FactUse::Provide, slot.as_str().into());
        let granted = !schema::granted(FactUse::Provide, &slot) || grants.allows(&asked);
        assert!(granted, "`{slot}` is not granted");
        assert!(key.len() <= 255 && !key.contains(char::is_control), "an unsound key");
    }
    for (suffix, _) in state.outputs.emitted() {
        assert!(
            grants.allows(&Right::Outputs(suffix.as_str().into())),
            "`{suffix}` is not granted"
        );
        assert!(!suffix.contains('/') && !suffix.contains(".."), "`{suffix}` leads elsewhere");
    }
}

/// None, some of each capability, or all there is.
fn grants(byte: u8) -> Grants {
    let some = [
        ("rootfs", "write /dir"),
        ("rootfs", "read /etc"),
        ("exec", "true"),
        ("outputs", ".x"),
        ("packages", "vim*"),
        ("services", "ssh.service"),
        ("accounts", "motd"),
        ("accounts-sudo", "motd"),
    ];
    let all = [
        ("rootfs", "write /"),
        ("exec", "*"),
        ("inputs", "*"),
        ("outputs", "*"),
        ("packages", "*"),
        ("repositories", "* key:*"),
        ("services", "*"),
        ("services-define", "*"),
        ("accounts", "*"),
        ("accounts-sudo", "*"),
        ("block-device", ""),
        ("bootstrap", ""),
        ("facts", "dib:boot/*"),
        ("builder", "authorized-keys"),
        ("builder", "proxies"),
        ("cache", ""),
        ("fetch", "*"),
        ("fetch", "unpinned"),
    ];
    let chosen: &[(&str, &str)] = match byte % 4 {
        0 => &[],
        1 => &some,
        _ => &all,
    };
    chosen.iter().map(|(c, s)| Right::of(c, s).expect("a right")).collect()
}

pub(crate) fn call(mode: Mode, phase: Phase, grants: Grants) -> Call {
    let slot = |name: &str, timing| Slot {
        name: name.to_owned(),
        arity: Arity::Many,
        timing,
        schema: (!name.starts_with("dib:")).then(|| json!({"type": "object"})),
        doc: String::new(),
    };
    let reads = |name: &str| SlotUse { name: name.to_owned(), arity: Arity::Many, required: false };
    let step = StepDeclaration {
        name: phase.name().to_owned(),
        phase,
        provides: vec![
            slot("dib:boot/kernel-argument@1", Timing::Planned),
            slot("acme:x/y@1", Timing::Observed),
        ],
        consumes: vec![reads("dib:boot/kernel@1"), reads("dib:boot/kernel-argument@1")],
        after: Vec::new(),
        before: Vec::new(),
        plan_only: false,
    };
    let parameter = |name: &str, kind| Parameter {
        name: name.to_owned(),
        kind,
        default: Some(json!("x")),
        doc: String::new(),
        aliases: Vec::new(),
    };
    let description = Description {
        name: "motd".to_owned(),
        version: "1.0.0".to_owned(),
        summary: String::new(),
        license: String::new(),
        requires: Vec::new(),
        stands_in_for: Vec::new(),
        conflicts_with: Vec::new(),
        parameters: vec![
            parameter("x", ParameterKind::Text),
            parameter("motd", ParameterKind::Json(json!({}))),
            parameter("root", ParameterKind::Secret),
        ],
        steps: vec![step],
        requests: Vec::new(),
        extensions: Vec::new(),
    };
    // As little as can be reached in a short time.
    let limits = Limits::default()
        .with(Limit::Written, 100_000)
        .with(Limit::Files, 100)
        .with(Limit::LogLines, 50)
        .with(Limit::Facts, 10)
        .with(Limit::Blobs, 1 << 20);
    Call {
        element: "motd".to_owned(),
        mode,
        step: phase.name().to_owned(),
        phase,
        machine: TargetMachine {
            arch: "amd64".to_owned(),
            image_name: "fuzz".to_owned(),
            source_date_epoch: 1_700_000_000,
        },
        parameters: BTreeMap::new(),
        grants,
        limits,
        time_is_ours: false,
        description: Some(Arc::new(description)),
    }
}

/// A file of this crate as an input, opened once for all: `x`.
fn inputs() -> Inputs {
    static INPUTS: OnceLock<Inputs> = OnceLock::new();
    let place = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/held");
    INPUTS.get_or_init(|| Inputs::open([("x", place.as_path())], &mut Known::default())).clone()
}

fn given() -> BTreeMap<String, Vec<Fact>> {
    let fact = Fact {
        slot: "dib:boot/kernel-argument@1".to_owned(),
        provider: "p".to_owned(),
        phase: Phase::Install,
        step: None,
        key: String::new(),
        value: json!({"argument": "quiet"}),
    };
    BTreeMap::from([(fact.slot.clone(), vec![fact])])
}

/// A tree with links that lead out, and a file outside.
pub(crate) fn target() -> SimulatedTarget {
    let answer = |_: &_, _: &mut dyn FnMut(_)| Ok(Output::default());
    let target = SimulatedTarget::new(1_700_000_000, Box::new(answer)).expect("a folder");
    let tree = target.tree();
    let put = || -> std::io::Result<()> {
        std::fs::write(tree.with_file_name(OUTSIDE), OUTSIDE)?;
        std::fs::create_dir(tree.join("etc"))?;
        std::fs::create_dir(tree.join("dir"))?;
        std::fs::write(tree.join("etc/passwd"), "root:x:0:0::/root:/bin/sh\n")?;
        std::fs::write(tree.join("dir/file"), "content")?;
        let link =
            |to: &std::path::Path, name: &str| std::os::unix::fs::symlink(to, tree.join(name));
        link(std::path::Path::new("../outside"), "out")?;
        link(std::path::Path::new("loop"), "loop")?;
        link(tree.parent().unwrap_or(&tree), "abs")?;
        link(std::path::Path::new(".."), "up")
    };
    put().expect("a tree to work on");
    target
}

/// What an element may say of itself, converted: it never panics, and what is taken is small.
///
/// # Panics
/// When converting does, or a description came through that is larger than any may be.
pub fn description(data: &[u8]) {
    let said: metadata::Description = Source::new(data).value();
    if let Ok(description) = crate::convert::description(said) {
        let text = serde_json::to_string(&description).expect("a description is JSON");
        // Texts are escaped on the way: six bytes for one.
        assert!(text.len() < 8 * crate::limits::DESCRIPTION_BYTES, "{} bytes", text.len());
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn feed(target: &str, rounds: u64, function: fn(&[u8])) {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
        dibhost_arbitrary::feed(&corpus, rounds, function);
    }

    #[test]
    fn every_host_function_takes_any_value() {
        feed("host_functions", 400, host_functions);
    }

    #[test]
    fn any_description_is_converted_or_refused() {
        feed("said", 2_000, description);
    }
}
