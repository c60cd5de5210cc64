//! What a test wrote into the component.

use serde::Deserialize;
use serde_json::Value;

use crate::bindings::dib::element::types::Phase;
use crate::bindings::exports::dib::element::metadata::Description;

/// By this a test finds the place in the file.
const MARK: &[u8; 24] = b"(script of the attacker)";
/// Room for a description, calls and a program: that one is a static executable of some 500 KB.
const ROOM: usize = 1 << 20;

/// The mark; lengths of JSON and program as ten digits each; JSON; program.
#[repr(C)]
struct Place {
    mark: [u8; 24],
    // Not zeros, which a linker may leave out.
    content: [u8; ROOM],
}

static SCRIPT: Place = Place { mark: *MARK, content: [b'0'; ROOM] };

/// All of it.
#[derive(Deserialize)]
pub struct Script {
    pub description: Description,
    pub parts: Vec<Part>,
    #[serde(skip)]
    pub program: Vec<u8>,
}

/// What is done in one call of the element.
#[derive(Deserialize)]
pub struct Part {
    pub when: When,
    pub phase: Phase,
    pub calls: Vec<Value>,
    pub end: End,
}

#[derive(Deserialize, PartialEq, Eq)]
pub enum When {
    Plan,
    Run,
}

/// How a part ends that nothing stopped.
#[derive(Deserialize, PartialEq, Eq)]
pub enum End {
    /// With an error that says so: what comes after it is of no interest.
    Loudly,
    /// As if nothing had been.
    Quietly,
}

pub fn read() -> Script {
    // The compiler must not think that it knows what is there.
    let place = std::hint::black_box(&SCRIPT);
    assert_eq!(&place.mark, MARK);
    let number = |at: usize| -> usize {
        std::str::from_utf8(&place.content[at..at + 10]).unwrap().parse().unwrap()
    };
    let (script, program) = (number(0), number(10));
    let content = &place.content[20..];
    let mut read: Script = serde_json::from_slice(&content[..script]).unwrap();
    read.program = content[script..script + program].to_vec();
    read
}
