//! Secrets: handles, and what they may be used for.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex};

use dibhost_element::SecretStore;
use dibhost_plan::Taint;
use dibhost_plan::wish::Wish;
use dibhost_sys::SecretBytes;

use super::common::Guest;
use super::*;

/// One secret, `root-password`.
#[derive(Debug, Default)]
pub(crate) struct OneSecret(Mutex<bool>);

const VALUE: &str = "hunter2";

impl SecretStore for OneSecret {
    fn read(&self, name: &str) -> Result<Arc<SecretBytes>, String> {
        if name != "root-password" {
            return Err("is not in the definition".to_owned());
        }
        *self.0.lock().unwrap() = true;
        Ok(Arc::new(SecretBytes::read_from(&mut VALUE.as_bytes(), 64).unwrap()))
    }

    fn redact(&self, text: String) -> String {
        if *self.0.lock().unwrap() { text.replace(VALUE, "***") } else { text }
    }
}

fn bench(guest: &Guest) -> Bench {
    let mut bench = Bench::with(guest);
    bench.parameters.insert("password".to_owned(), json!("root-password"));
    bench
}

/// A target whose programs say what they read.
fn echoing() -> SimulatedTarget {
    let answer = |command: &Command, line: &mut dyn FnMut(Line)| {
        let text = String::from_utf8(command.stdin.clone().unwrap_or_default()).unwrap();
        line(Line { error: false, text: format!("read {text}") });
        Ok(Output {
            status: i32::from(command.program == "false"),
            signal: None,
            timed_out: false,
            stdout: Vec::new(),
            stderr: text.into_bytes(),
            deferred: Vec::new(),
        })
    };
    let target = SimulatedTarget::new(1_700_000_000, Box::new(answer)).unwrap();
    std::fs::create_dir(target.tree().join("etc")).unwrap();
    target
}

#[test]
fn a_secret_goes_where_it_was_granted_and_is_struck_out_of_what_is_said() {
    let guest = Guest::new("keeper").run(|m| {
        let uses = [m.write_secret("/etc/key"), m.run_with_secret("cat"), m.tell_secret()].concat();
        m.with_secret(&uses)
    });
    let held = [("secret", "open password"), ("rootfs", "write /etc"), ("exec", "cat")];
    let (mut target, mut heard) = (echoing(), Heard::default());
    let bench = bench(&guest);
    bench.run_on("keeper", &grants(&held), &mut target, &mut heard).unwrap();
    let key = target.tree().join("etc/key");
    assert_eq!(std::fs::read(&key).unwrap(), VALUE.as_bytes());
    assert_eq!(key.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(heard.lines, ["cat: read ***"]);
    assert_eq!(heard.log, [(Level::Info, "***".to_owned())]);
}

#[test]
fn what_a_step_did_with_a_secret_or_the_network_taints_it() {
    type Use = fn(&mut common::Memory) -> String;
    let uses: [(Use, &[Taint]); 5] = [
        (|m| m.run_program("cat", &[]), &[]),
        (|m| m.run_networked("cat"), &[Taint::Network]),
        (|m| m.tell_secret(), &[Taint::SecretOpened]),
        (|m| m.write_secret("/etc/key"), &[Taint::SecretPlaced]),
        (|m| m.run_with_secret("cat"), &[Taint::SecretPlaced]),
    ];
    for (body, taints) in uses {
        let guest = Guest::new("keeper").run(move |m| {
            let body = body(m);
            m.with_secret(&body)
        });
        let held = [
            ("secret", "open password"),
            ("rootfs", "write /etc"),
            ("exec", "cat"),
            ("exec", "network"),
        ];
        let (mut target, mut heard) = (echoing(), Heard::default());
        let answer =
            bench(&guest).run_on("keeper", &grants(&held), &mut target, &mut heard).unwrap();
        let tainted: Vec<_> = answer.observed.tainted.into_iter().collect();
        assert_eq!(tainted, taints);
    }
}

#[test]
fn what_fails_does_not_tell_it_either() {
    let guest = Guest::new("keeper").run(|m| {
        let run = m.run_with_secret("false");
        m.with_secret(&run)
    });
    let held = grants(&[("secret", "place password"), ("exec", "false")]);
    let failure =
        bench(&guest).run_on("keeper", &held, &mut echoing(), &mut Heard::default()).unwrap_err();
    assert_eq!(failure.message, "`false` ended with status 1: ***");
}

#[test]
fn a_secret_is_denied_without_its_grant() {
    type Use =
        (fn(&mut common::Memory) -> String, &'static [(&'static str, &'static str)], &'static str);
    const PLACE: &[(&str, &str)] =
        &[("rootfs", "write /etc"), ("exec", "cat"), ("secret", "place other")];
    const OPEN: &[(&str, &str)] = &[("secret", "place password")];
    let uses: [Use; 3] = [
        (|m| m.tell_secret(), OPEN, "open password"),
        (|m| m.write_secret("/etc/key"), PLACE, "place password"),
        (|m| m.run_with_secret("cat"), PLACE, "place password"),
    ];
    for (body, held, scope) in uses {
        let guest = Guest::new("thief").run(move |m| {
            let body = body(m);
            m.with_secret(&body)
        });
        let (mut target, mut heard) = (echoing(), Heard::default());
        let failure =
            bench(&guest).run_on("thief", &grants(held), &mut target, &mut heard).unwrap_err();
        let message = format!(
            "`secret` of `{scope}` is not granted: `thief` requests no `secret` in its description"
        );
        assert_eq!(failure.message, message);
        assert!(failure.help.unwrap().contains(&format!("secret = [\"{scope}\"]")));
        assert!(!target.tree().join("etc/key").exists());
        assert_eq!(heard.lines, <[&str; 0]>::default());
    }
}

#[test]
fn a_plan_wishes_for_a_password_and_reads_none() {
    let wishing = |open| {
        Guest::new("planner").plan(move |m| {
            let body = if open { m.tell_secret() } else { m.set_password("root") };
            m.with_secret(&body)
        })
    };
    let held = grants(&[("secret", "open password"), ("accounts", "root")]);
    let planned = bench(&wishing(false)).plan("planner", &held).unwrap();
    let wish = Wish::Password { user: "root".to_owned(), parameter: "password".to_owned() };
    assert_eq!(planned.wishes, [wish]);
    for (missing, said) in
        [("accounts", "`accounts` of `root`"), ("secret", "`secret` of `place password`")]
    {
        let held = held.iter().filter(|right| right.capability().name() != missing);
        let held = held.cloned().collect();
        let failure = bench(&wishing(false)).plan("planner", &held).unwrap_err();
        assert!(failure.message.starts_with(said), "{failure}");
    }
    let failure = bench(&wishing(true)).plan("planner", &held).unwrap_err();
    assert_eq!(failure.message, "no secret can be opened while planning; only `run` has effects");
}

#[test]
fn a_secret_that_was_opened_is_no_argument_and_no_fact() {
    let held = grants(&[("secret", "open password"), ("exec", "cat")]);
    let spilling = Guest::new("spiller").run(|m| {
        let spill = m.run_program("cat", &["--key=hunter2"]);
        let body = m.tell_secret() + &spill;
        m.with_secret(&body)
    });
    let (mut target, mut heard) = (echoing(), Heard::default());
    let failure = bench(&spilling).run_on("spiller", &held, &mut target, &mut heard).unwrap_err();
    assert_eq!(failure.message, "an argument of `cat` has a secret in it");
    assert!(heard.lines.is_empty());
    let telling = Guest::new("teller").provides(KERNEL).run(|m| {
        let value = KERNEL_VALUE.replace("6.1.0-1-amd64", "hunter2");
        let provide = m.provide("dib:boot/kernel@1", "1", &value);
        let body = m.tell_secret() + &provide;
        m.with_secret(&body)
    });
    let held = grants(&[("secret", "open password"), ("facts", "dib:boot/kernel@1")]);
    let failure = bench(&telling).run_on("teller", &held, &mut target, &mut heard).unwrap_err();
    assert_eq!(failure.message, "a value of `dib:boot/kernel@1` has a secret in it");
}

#[test]
fn a_secret_that_is_not_set_is_none() {
    let guest = Guest::new("keeper").run(|m| {
        // The option's case says none, and the handle that is not there cannot be used.
        let name = m.operands("password");
        format!(
            "(call $secret (local.get $build) {name} {a})
             (if (i32.load8_u offset=4 {a}) (then unreachable))",
            a = common::ANSWER
        )
    });
    Bench::with(&guest).run("keeper", &none()).unwrap();
}
