//! What the derives make of a type.

use dibhost_element_sdk::{
    Arity, Choice, Description, Element, ErrorCode, Fact, Parameter, ParameterKind, Parameters,
    Phase, Plan, Result, Step, TestHost, Timing, description,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A port that
/// the image listens on.
#[derive(Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema, Fact)]
#[fact(slot = "example:net/port@1", arity = "optional", timing = "observed")]
#[serde(rename_all = "kebab-case")]
struct Port {
    port_number: u16,
}

#[derive(Debug, PartialEq, Choice)]
enum Level {
    Quiet,
    VeryLoud,
}

#[derive(Debug, PartialEq, Deserialize, schemars::JsonSchema)]
struct Limits {
    soft: u32,
}

#[derive(Debug, PartialEq, Parameters)]
struct Everything {
    /// It has to be set.
    needed: String,
    /// How loud.
    #[parameter(default = "quiet")]
    level: Level,
    /// How many.
    #[parameter(default = 22, alias = "DIB_COUNT")]
    count: u16,
    /// Whether.
    #[parameter(default = true)]
    really: bool,
    /// Which.
    #[parameter(default = ["main"], name = "which-ones")]
    which: Vec<String>,
    /// It may be left out.
    left_out: Option<i64>,
    /// Anything.
    #[parameter(json, default = {"soft": 7})]
    limits: Limits,
}

#[derive(Parameters)]
struct Nothing;

impl Element for Nothing {
    fn describe() -> Description {
        description!().step(Step::new(Phase::Install))
    }
}

fn read(values: Value) -> Result<Everything> {
    Everything::read(&|name| {
        let declared = Everything::declare().into_iter().find(|p| p.name == name).unwrap();
        let default = declared.default.map(|text| serde_json::from_str(&text).unwrap());
        Ok(values.get(name).cloned().or(default))
    })
}

#[test]
fn a_fact_knows_its_slot() {
    assert_eq!(Port::SLOT, "example:net/port@1");
    assert_eq!((Port::ARITY, Port::TIMING), (Arity::Optional, Timing::Observed));
    assert_eq!(Port::DOC, "A port that the image listens on.");
    let schema: Value = serde_json::from_str(&Port::schema().unwrap()).unwrap();
    assert_eq!(schema["required"], json!(["port-number"]));
    assert!(schema["$schema"].as_str().unwrap().contains("2020-12"), "{schema}");
    assert!(dibhost_element_sdk::slots::Kernel::schema().is_none());
}

#[test]
fn fields_become_parameters() {
    let declared = Everything::declare();
    let find = |name: &str| -> &Parameter { declared.iter().find(|p| p.name == name).unwrap() };
    assert_eq!(find("needed").default, None);
    assert_eq!(find("needed").doc, "It has to be set.");
    assert_eq!(
        find("level").kind,
        ParameterKind::Choice(vec!["quiet".to_owned(), "very-loud".to_owned()])
    );
    assert_eq!(find("level").default.as_deref(), Some("\"quiet\""));
    assert_eq!(find("count").kind, ParameterKind::Integer);
    assert_eq!(find("count").aliases, ["DIB_COUNT"]);
    assert_eq!(find("really").kind, ParameterKind::Boolean);
    assert_eq!(find("which-ones").kind, ParameterKind::TextList);
    assert_eq!(find("which-ones").default.as_deref(), Some("[\"main\"]"));
    assert_eq!(find("left-out").kind, ParameterKind::Integer);
    assert_eq!(find("left-out").default.as_deref(), Some("null"));
    let ParameterKind::Json(schema) = &find("limits").kind else { panic!() };
    assert!(schema.contains("soft"));
}

#[test]
fn values_are_read_with_their_defaults() {
    let everything = read(json!({ "needed": "x", "level": "very-loud", "which-ones": [] }));
    let expected = Everything {
        needed: "x".to_owned(),
        level: Level::VeryLoud,
        count: 22,
        really: true,
        which: Vec::new(),
        left_out: None,
        limits: Limits { soft: 7 },
    };
    assert_eq!(everything.unwrap(), expected);
    assert_eq!(read(json!({ "needed": "x", "left-out": 3 })).unwrap().left_out, Some(3));
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    for (values, sentence) in [
        (json!({}), "the parameter `needed` is not set"),
        (json!({ "needed": 3 }), "the parameter `needed` is 3, not a text"),
        (
            json!({ "needed": "x", "count": 70000 }),
            "the parameter `count` is 70000, not an integer from 0 to 65535",
        ),
        (
            json!({ "needed": "x", "level": "loud" }),
            "the parameter `level` is \"loud\", not one of `quiet`, `very-loud`",
        ),
        (
            json!({ "needed": "x", "which-ones": [1] }),
            "the parameter `which-ones` is [1], not a list of texts",
        ),
    ] {
        let error = read(values).unwrap_err();
        assert_eq!(error.to_string(), sentence);
        assert_eq!(error.code, ErrorCode::InvalidArgument);
    }
    let error = read(json!({ "needed": "x", "limits": { "soft": "y" } })).unwrap_err();
    assert!(error.to_string().starts_with("reading the parameter `limits`: invalid type"));
}

#[test]
fn an_element_may_have_no_parameters_and_do_nothing() {
    let planned = TestHost::new().plan::<Nothing>(Phase::Install).unwrap();
    assert!(planned.facts.is_empty() && planned.findings.is_empty());
}

#[test]
fn an_element_may_take_all_phases_in_one_method() {
    #[derive(Parameters)]
    struct All;
    impl Element for All {
        fn describe() -> Description {
            description!().step(Step::new(Phase::Root)).step(Step::new(Phase::Cleanup))
        }

        fn plan(&self, plan: &Plan<'_>) -> Result<()> {
            plan.warn(plan.phase().name());
            Ok(())
        }
    }
    for phase in [Phase::Root, Phase::Cleanup] {
        let planned = TestHost::new().plan::<All>(phase).unwrap();
        assert_eq!(planned.findings[0].message, phase.name());
    }
}
