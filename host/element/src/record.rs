//! What one call of an element was given, asked and was answered: recorded from a real host, and
//! replayed without one.

use std::collections::{BTreeMap, VecDeque};

use dibhost_definition::Limits;
use dibhost_plan::Phase;
use dibhost_plan::fact::Fact;
use dibhost_plan::grant::Grants;
use dibhost_plan::planner::{ElementFailure, TargetMachine};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::bindings::dib::element::types;
use crate::outcome::Outcome;
use crate::refusal::Refusal;
use crate::wire::Wire;
use dibhost_text::harmless;

/// The form of a record. A reader refuses another one.
pub const FORMAT: u32 = 1;

/// Bytes of a value that the sentence about a difference shows.
const SHOWN: usize = 300;

/// Which half of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Half {
    /// `plan(step)`.
    Plan,
    /// `run(step)`.
    Run,
}

/// One call of a host function.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostCall {
    /// `rootfs.tree.stat`.
    pub call: String,
    /// By name, as WIT names them; a handle is a number.
    pub arguments: Map<String, Value>,
    /// What it was answered.
    pub answer: Answer,
}

/// What the host answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// This value.
    Ok(Value),
    /// This error of the contract.
    Error(Value),
    /// Nothing: the element was ended.
    Ended(String),
}

/// How the call of the element ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// Done.
    Done,
    /// There was nothing to do, and why.
    Skipped(String),
    /// It failed, with this sentence.
    Failed(String),
}

/// One call of an element. Secrets are in none: what opens one is recorded without its bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Record {
    /// [`FORMAT`].
    pub format: u32,
    /// The element's name.
    pub element: String,
    /// `sha256:…` of the component it was recorded with; another one may be replayed.
    pub digest: String,
    /// Which half of the step.
    pub half: Half,
    /// The phase.
    pub phase: Phase,
    /// The step, by its name; none: it is named as its phase is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// The machine.
    pub machine: TargetMachine,
    /// Parameters: set ones and defaults.
    pub parameters: BTreeMap<String, Value>,
    /// What it held.
    pub grants: Grants,
    /// What it might not go beyond.
    pub limits: Limits,
    /// Values of the slots it consumes.
    pub facts: BTreeMap<String, Vec<Fact>>,
    /// What it asked of the host, in order.
    pub calls: Vec<HostCall>,
    /// How it ended.
    pub ending: Ending,
}

impl Ending {
    pub(crate) fn of(ended: &Result<Outcome, ElementFailure>) -> Self {
        match ended {
            Ok(Outcome::Done) => Self::Done,
            Ok(Outcome::Skipped(why)) => Self::Skipped(why.clone()),
            Err(failure) => Self::Failed(failure.message.clone()),
        }
    }

    /// What it did, after "it".
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::Done => "was done".to_owned(),
            Self::Skipped(why) => format!("had nothing to do ({why})"),
            Self::Failed(why) => format!("failed ({why})"),
        }
    }
}

impl Record {
    /// The name of the step.
    #[must_use]
    pub fn step(&self) -> &str {
        self.step.as_deref().unwrap_or(self.phase.name())
    }

    /// Whether `ending` is the one of the record. What ended an element in the middle of a call
    /// has another sentence when it is replayed.
    pub(crate) fn ends_as(&self, ending: &Ending) -> bool {
        let ended = matches!(self.calls.last(), Some(HostCall { answer: Answer::Ended(_), .. }));
        match (&self.ending, ending) {
            (Ending::Failed(_), Ending::Failed(_)) if ended => true,
            (before, now) => before == now,
        }
    }

    /// The record as JSON, to be kept in a file.
    #[must_use]
    pub fn to_text(&self) -> String {
        // Nothing in it is beyond JSON.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// Reads a record.
    ///
    /// # Errors
    /// A sentence part after the file's name: it is no record, or one of another form.
    pub fn parse(text: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(text).map_err(|e| format!("is no JSON: {e}"))?;
        match value.get("format").and_then(Value::as_u64) {
            Some(format) if format == u64::from(FORMAT) => {}
            Some(format) => {
                return Err(format!("is a record of form {format}; this host reads {FORMAT}"));
            }
            None => return Err("is no record of a step: it says no `format`".to_owned()),
        }
        serde_json::from_value(value).map_err(|e| format!("is no sound record: {e}"))
    }
}

/// What becomes of the calls of host functions.
#[derive(Debug, Default)]
pub(crate) enum Tape {
    /// They are answered.
    #[default]
    Off,
    /// They are answered and kept.
    Record(Vec<HostCall>),
    /// They are compared, and answered from here.
    Replay { left: VecDeque<HostCall>, done: usize, differed: bool },
}

impl Tape {
    pub(crate) fn replay(calls: Vec<HostCall>) -> Self {
        Self::Replay { left: calls.into(), done: 0, differed: false }
    }

    /// Takes what was recorded.
    pub(crate) fn recorded(&mut self) -> Vec<HostCall> {
        match self {
            Self::Record(calls) => std::mem::take(calls),
            Self::Off | Self::Replay { .. } => Vec::new(),
        }
    }

    /// What was recorded and not asked for again.
    pub(crate) fn left(&self) -> Result<(), Differs> {
        match self {
            Self::Replay { left, done, .. } => match left.front() {
                Some(next) => Err(Differs(format!(
                    "ended after {done} calls; the record goes on with {}",
                    next.shown()
                ))),
                None => Ok(()),
            },
            Self::Off | Self::Record(_) => Ok(()),
        }
    }

    /// Whether a call was another than the record's.
    pub(crate) fn differed(&self) -> bool {
        matches!(self, Self::Replay { differed: true, .. })
    }

    pub(crate) fn is_on(&self) -> bool {
        !matches!(self, Self::Off)
    }

    pub(crate) fn compare(&mut self, made: &HostCall) -> Option<Result<Answer, Differs>> {
        let Self::Replay { left, done, differed } = self else { return None };
        *done += 1;
        let Some(expected) = left.pop_front() else {
            *differed = true;
            return Some(Err(Differs(format!(
                "asks for more than its record has: call {done} is {}",
                made.shown()
            ))));
        };
        if expected.call == made.call && expected.arguments == made.arguments {
            return Some(Ok(expected.answer));
        }
        *differed = true;
        Some(Err(Differs(format!(
            "differs from its record at call {done}: the record has {}, and now it is {}",
            expected.shown(),
            made.shown()
        ))))
    }
}

impl HostCall {
    /// `` `rootfs.tree.stat` of {"path": "/etc"} ``.
    fn shown(&self) -> String {
        let arguments = Value::Object(self.arguments.clone()).to_string();
        format!("`{}` of {}", self.call, harmless(&arguments, SHOWN))
    }
}

/// A replayed element does something else than its record says.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Differs(String);

/// What a host function answers, in all its forms.
pub(crate) trait Answered: Sized {
    fn recorded(&self) -> Answer;
    fn replayed(answer: Answer) -> Result<Self, wasmtime::Error>;
    fn ended(error: wasmtime::Error) -> Self;
}

fn of_record<T: Wire>(value: Value) -> Result<T, wasmtime::Error> {
    T::back(value)
        .map_err(|why| Differs(format!("has an unsound answer in its record: {why}")).into())
}

impl<T: Wire> Answered for wasmtime::Result<T> {
    fn recorded(&self) -> Answer {
        match self {
            Ok(value) => Answer::Ok(value.out()),
            Err(error) => Answer::Ended(harmless(&format!("{error:#}"), 1000)),
        }
    }

    fn replayed(answer: Answer) -> Result<Self, wasmtime::Error> {
        match answer {
            Answer::Ok(value) => of_record(value).map(Ok),
            Answer::Error(_) => of_record::<T>(Value::Null).map(Ok),
            Answer::Ended(why) => Err(wasmtime::Error::msg(why)),
        }
    }

    fn ended(error: wasmtime::Error) -> Self {
        Err(error)
    }
}

impl<T: Wire> Answered for Result<T, Refusal> {
    fn recorded(&self) -> Answer {
        match self {
            Ok(value) => Answer::Ok(value.out()),
            Err(Refusal::Answer(error)) => {
                Answer::Error(serde_json::to_value(error).unwrap_or_default())
            }
            Err(Refusal::Trap(error)) => Answer::Ended(harmless(&format!("{error:#}"), 1000)),
        }
    }

    fn replayed(answer: Answer) -> Result<Self, wasmtime::Error> {
        match answer {
            Answer::Ok(value) => of_record(value).map(Ok),
            Answer::Error(error) => {
                let error = serde_json::from_value::<types::Error>(error);
                let unsound = |e| Differs(format!("has an unsound error in its record: {e}"));
                Ok(Err(Refusal::Answer(error.map_err(unsound)?)))
            }
            Answer::Ended(why) => Err(wasmtime::Error::msg(why)),
        }
    }

    fn ended(error: wasmtime::Error) -> Self {
        Err(Refusal::Trap(error))
    }
}
