//! What an element says of itself, shown by the verbs that show elements: in text and as JSON.

use std::time::Duration;

use anyhow::{Result, ensure};
use dibhost_tests::dibhost;

use crate::script::Script;

/// Sequences of a terminal by both introducers, its title and bell, and text turned around.
const OBEYED: &str = "\u{1b}[2J\u{9b}2J\u{1b}]0;owned\u{7}\u{202e}";

pub(crate) fn what_an_element_says_of_itself_is_shown_and_not_obeyed() -> Result<()> {
    let mut script = Script::new("hostile");
    script.description["summary"] = format!("Attacks.{OBEYED}").into();
    script.request("packages", "vim");
    script.description["requests"][0]["reason"] = format!("because{OBEYED}").into();
    let dibhost = dibhost()?.empty_cache();
    script.write(dibhost.folder())?;
    for format in ["text", "json"] {
        let inspect = ["element", "inspect", "./hostile.wasm", "--format", format];
        let outcome = dibhost.spawn(&inspect)?.wait(Duration::from_secs(60))?;
        ensure!(outcome.code() == 0, "{}", outcome.stderr);
        let shown = &outcome.stdout;
        ensure!(shown.contains("Attacks."), "{shown:?}");
        let obeyed = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        let odd = shown.chars().find(|c| obeyed(*c));
        ensure!(odd.is_none(), "{odd:?} reached the terminal as {format}:\n{shown:?}");
        if format == "json" {
            let said: serde_json::Value = serde_json::from_str(shown)?;
            let summary = said["description"]["summary"].as_str().unwrap_or_default();
            ensure!(summary.starts_with("Attacks."), "{summary:?} says something else");
        }
    }
    Ok(())
}
