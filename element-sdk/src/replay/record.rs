//! What `dibhost element run --record` writes, as far as a replay needs it.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::error::{Error, ErrorCode, Result};

/// The form of a record that this reads. Source: `host/element/src/record.rs`.
const FORMAT: u64 = 1;

/// One call of an element.
#[derive(Debug, Deserialize)]
pub(super) struct Record {
    pub(super) element: String,
    pub(super) half: Half,
    pub(super) phase: String,
    /// None: the step is named as its phase is.
    #[serde(default)]
    pub(super) step: Option<String>,
    pub(super) calls: Vec<HostCall>,
    pub(super) ending: Ending,
}

/// Which half of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Half {
    Plan,
    Run,
}

/// One call of a host function.
#[derive(Debug, Deserialize)]
pub(super) struct HostCall {
    pub(super) call: String,
    pub(super) arguments: Map<String, Value>,
    pub(super) answer: Answer,
}

/// What the host answered.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Answer {
    Ok(Value),
    Error(Value),
    /// Nothing: the element was ended. The sentence is for those who read the record.
    Ended(#[expect(dead_code, reason = "read by people")] String),
}

/// How a recorded call of an element ended, and ended again when it was replayed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// Done.
    Done,
    /// There was nothing to do, and why.
    Skipped(String),
    /// It failed, with this sentence.
    Failed(String),
}

impl Ending {
    /// What it did, after "it".
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Done => "was done".to_owned(),
            Self::Skipped(why) => format!("had nothing to do ({why})"),
            Self::Failed(why) => format!("failed ({why})"),
        }
    }
}

impl Record {
    pub(super) fn load(path: &Path) -> Result<Self> {
        let shown = path.display();
        let text = std::fs::read_to_string(path).map_err(|e| {
            Error::with_code(ErrorCode::NotFound, format!("reading the record `{shown}`: {e}"))
        })?;
        Self::parse(&text).map_err(|why| {
            Error::with_code(ErrorCode::InvalidArgument, format!("`{shown}` {why}"))
                .help("Write it with `dibhost element run ELEMENT --phase PHASE --record FILE`.")
        })
    }

    fn parse(text: &str) -> std::result::Result<Self, String> {
        let value: Value = serde_json::from_str(text).map_err(|e| format!("is no JSON: {e}"))?;
        match value.get("format").and_then(Value::as_u64) {
            Some(FORMAT) => {}
            Some(format) => {
                return Err(format!("is a record of form {format}; this SDK reads {FORMAT}"));
            }
            None => return Err("is no record of a step: it says no `format`".to_owned()),
        }
        serde_json::from_value(value).map_err(|e| format!("is no sound record: {e}"))
    }
}
