//! The record that the running thread replays: each call of the element is compared with the next
//! one of the record, and answered from there.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::record::{Answer, HostCall};
use super::wire;
use crate::bindings::dib::element::types;

/// Characters of a call that the sentence about a difference shows.
const SHOWN: usize = 300;

thread_local! {
    static TAPE: RefCell<Option<Tape>> = const { RefCell::new(None) };
}

/// What the element may still ask for.
struct Tape {
    left: VecDeque<HostCall>,
    done: usize,
    /// The element was ended: by the record, or because it differs, and how.
    ended: Option<Ended>,
}

/// Why the element was ended in the middle.
pub(super) enum Ended {
    /// It does something else than its record, in these words after its name.
    Differs(String),
    /// As it was when it was recorded.
    AsRecorded,
}

/// What unwinds an element that is ended, as a trap ends a component.
struct Unwound;

/// Whether this thread replays.
pub(crate) fn is_on() -> bool {
    TAPE.with_borrow(Option::is_some)
}

/// Lets `body` have the answers of `calls`. What it came to, unless it was ended; and what of
/// the calls it did not ask for.
pub(super) fn play<T>(calls: Vec<HostCall>, body: impl FnOnce() -> T) -> Result<T, Ended> {
    let tape = Tape { left: calls.into(), done: 0, ended: None };
    TAPE.with_borrow_mut(|current| *current = Some(tape));
    // Nothing of the element is looked at after it was unwound.
    let result = catch_unwind(AssertUnwindSafe(body));
    let tape = TAPE.with_borrow_mut(Option::take);
    let ended = tape.as_ref().is_some_and(|tape| tape.ended.is_some());
    let value = match result {
        Ok(value) => Some(value),
        Err(_) if ended => None,
        // The element's own.
        Err(panic) => resume_unwind(panic),
    };
    let Some(tape) = tape else { return Err(Ended::Differs("has no tape any more".to_owned())) };
    match (tape.ended, tape.left.front(), value) {
        (Some(ended), _, _) => Err(ended),
        (None, Some(next), _) => Err(Ended::Differs(format!(
            "ended after {} calls; the record goes on with {}",
            tape.done,
            shown(&next.call, &next.arguments)
        ))),
        (None, None, Some(value)) => Ok(value),
        (None, None, None) => Err(Ended::AsRecorded),
    }
}

/// The number of the build that the record's calls are of; none of it is dropped.
pub(super) fn lent_build() -> u32 {
    TAPE.with_borrow(|tape| {
        let mut builds = tape.iter().flat_map(|t| &t.left).filter_map(|c| c.arguments.get("build"));
        builds.next().and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok()).unwrap_or(0)
    })
}

/// Makes a call that can fail.
pub(super) fn fallible<T: DeserializeOwned>(
    call: &str,
    arguments: Map<String, Value>,
) -> Result<T, types::Error> {
    match next(call, arguments) {
        Answer::Ok(value) => Ok(sound(wire::answer(value))),
        Answer::Error(error) => {
            Err(sound(serde_json::from_value(error).map_err(|e| e.to_string())))
        }
        Answer::Ended(_) => end(Ended::AsRecorded),
    }
}

/// Makes a call that cannot fail but by ending the element.
pub(super) fn plain<T: DeserializeOwned>(call: &str, arguments: Map<String, Value>) -> T {
    match next(call, arguments) {
        Answer::Ok(value) => sound(wire::answer(value)),
        Answer::Error(_) => sound(Err("an error where there is none".to_owned())),
        Answer::Ended(_) => end(Ended::AsRecorded),
    }
}

/// Drops a handle; not of an element that was ended, whose host drops them.
pub(super) fn drop(call: &str, arguments: Map<String, Value>) {
    let goes_on = TAPE.with_borrow(|tape| tape.as_ref().is_some_and(|tape| tape.ended.is_none()));
    if goes_on && !std::thread::panicking() {
        plain::<()>(call, arguments);
    }
}

fn next(call: &str, arguments: Map<String, Value>) -> Answer {
    let answer = TAPE.with_borrow_mut(|tape| {
        let tape = tape.as_mut().ok_or_else(|| "has no tape".to_owned())?;
        tape.done += 1;
        let done = tape.done;
        let Some(expected) = tape.left.pop_front() else {
            let made = shown(call, &arguments);
            return Err(format!("asks for more than its record has: call {done} is {made}"));
        };
        if expected.call == call && expected.arguments == arguments {
            return Ok(expected.answer);
        }
        Err(format!(
            "differs from its record at call {done}: the record has {}, and now it is {}",
            shown(&expected.call, &expected.arguments),
            shown(call, &arguments)
        ))
    });
    answer.unwrap_or_else(|differs| end(Ended::Differs(differs)))
}

fn sound<T>(read: Result<T, String>) -> T {
    read.unwrap_or_else(|why| {
        end(Ended::Differs(format!("has an unsound answer in its record: {why}")))
    })
}

/// Ends the element here.
fn end(ended: Ended) -> ! {
    TAPE.with_borrow_mut(|tape| {
        if let Some(tape) = tape {
            tape.ended.get_or_insert(ended);
        }
    });
    // No panic's message: it is no panic of the element.
    resume_unwind(Box::new(Unwound))
}

/// `` `rootfs.tree.stat` of {"path": "/etc"} ``.
fn shown(call: &str, arguments: &Map<String, Value>) -> String {
    let text = Value::Object(arguments.clone()).to_string();
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("`{call}` of {shown}")
}
