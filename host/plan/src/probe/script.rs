//! The script, line by line.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use dibhost_text::{harmless_line, shell_word};

/// What all lines are told by.
const HEAD: &str = r#"
looked=0
wrong=0
# look WHAT EXPECTED FOUND
look() {
    looked=$((looked + 1))
    [ "$2" = "$3" ] && return
    wrong=$((wrong + 1))
    printf 'wrong: %s: expected %s, found %s\n' "$1" "$2" "${3:-nothing}"
}
# has WHAT COMMAND...: the command succeeds.
has() {
    what=$1
    shift
    if "$@" >/dev/null 2>&1; then look "$what" yes yes; else look "$what" yes no; fi
}
# lacks WHAT COMMAND...: it does not.
lacks() {
    what=$1
    shift
    if "$@" >/dev/null 2>&1; then look "$what" no yes; else look "$what" no no; fi
}
field() { getent "$1" "$2" 2>/dev/null | cut -d: -f"$3"; }
digest() { sha256sum 2>/dev/null <"$1" | cut -d' ' -f1; }
"#;

/// How it ends.
const TAIL: &str = r#"
echo "$looked looked at, $wrong otherwise"
[ "$wrong" = 0 ]
"#;

/// A script that grows.
pub(super) struct Script {
    text: String,
}

impl Script {
    pub(super) fn new(image: &str, digest: &str) -> Self {
        let image = harmless_line(image);
        let text = format!("#!/bin/sh\n# What `{image}` promises, of the plan {digest}.\n{HEAD}");
        Self { text }
    }

    /// Definitions of functions.
    pub(super) fn functions(&mut self, text: &str) {
        self.text += text;
    }

    /// A line: what is looked at, and who wants it, are the first word behind the verb.
    pub(super) fn line(&mut self, verb: &str, what: &str, by: &[&str], rest: &str) {
        let by: BTreeSet<&str> = by.iter().copied().collect();
        let by = by.into_iter().collect::<Vec<_>>().join(", ");
        let what = if by.is_empty() { what.to_owned() } else { format!("{what} ({by})") };
        let _ = writeln!(self.text, "{verb} {} {rest}", shell_word(&harmless_line(&what)));
    }

    pub(super) fn text(mut self) -> String {
        self.text += TAIL;
        self.text
    }
}

/// Names as a list of words.
pub(super) fn names(list: &[String]) -> Vec<&str> {
    list.iter().map(String::as_str).collect()
}
