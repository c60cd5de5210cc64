//! Secrets: opened, handed on and spilt.

use dibhost_check::Check;
use serde_json::{Value, json};

use crate::case::{Case, HOSTILE, call, loot};
use crate::cases::exec::{PROGRAM, installed};
use crate::cases::facts::{fact, provides, slot};
use crate::cases::rootfs::{apply, folder};

/// The definition has a secret, and names it for the element.
fn near_a_secret(check: Check, name: &'static str) -> Case {
    Case::on(check, name)
        .with(|script| {
            let parameter = json!({
                "name": "password", "kind": "Secret", "default": null, "doc": "", "aliases": [],
                "extensions": [],
            });
            if let Some(parameters) = script.description["parameters"].as_array_mut() {
                parameters.push(parameter);
            }
        })
        .defines("[secrets]\ntheirs = { file = \"secret\" }\n")
        .defines(&format!("[parameters.{HOSTILE}]\npassword = \"theirs\"\n"))
        .arranged(|dibhost| dibhost.write("secret", loot::SECRET).map(drop))
}

fn open() -> Value {
    call("Secret", "password")
}

pub(crate) fn all() -> Vec<Case> {
    vec![
        near_a_secret(Check::SecretOpenGrant, "a_secret_is_opened_that_may_be_placed")
            .may("secret", "place password")
            .runs([open()])
            .says("`secret` of `open password` is not granted: `hostile` requests only `place password`")
            .says("secret = [\"open password\"]"),
        near_a_secret(Check::SecretPlaceGrant, "a_secret_is_placed_that_nobody_granted")
            .may("rootfs", "write /")
            .runs([
                call("Open", "/"),
                apply(&[folder("/mine")]),
                call("PlaceSecret", json!({"parameter": "password", "path": "/mine/loot"})),
                // Whoever reads it where it was placed has it.
                call("Read", "/mine/loot"),
            ])
            .says("`secret` of `place password` is not granted"),
        near_a_secret(Check::SecretRedaction, "a_secret_is_said")
            .may("secret", "open password")
            .runs([open(), call("Fail", "all for {booty}")])
            .says("all for ***")
            .gets_out(|_, outcome| outcome.stderr.contains(loot::SECRET)),
        near_a_secret(Check::SecretSpilt, "a_secret_is_an_argument_that_all_processes_see")
            .may("secret", "open password")
            .may("rootfs", "write /")
            .may("exec", PROGRAM)
            .armed()
            .runs([
                installed(),
                vec![open(), call("Exec", json!({"program": PROGRAM, "args": ["say", "{booty}"]}))],
            ]
            .concat())
            .says("an argument of `/usr/bin/hostile` has a secret in it"),
        near_a_secret(Check::PasswordLine, "a_password_with_another_user_s_behind_it")
            .may("accounts", "*")
            .may("secret", "place password")
            .plans_quietly([call("SetPassword", json!({"user": "eve", "parameter": "password"}))])
            .runs([])
            .arranged(|dibhost| dibhost.write("secret", "evil\nroot:evil\n").map(drop))
            .says("the secret is no password: it is empty, or more than one line")
            .nameless()
            .second_wall("`chpasswd` does not exist"),
        near_a_secret(Check::SecretSpilt, "a_secret_is_a_fact_that_others_read")
            .may("secret", "open password")
            .with(|s| provides(s, slot("test:loot@1", "Observed", &json!({"type": "string"}))))
            .runs([open(), fact("test:loot@1", "", "\"{booty}\"")])
            .says("a value of `test:loot@1` has a secret in it"),
    ]
}
