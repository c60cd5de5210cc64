//! Secrets of an element on the host in memory.

use dibhost_element_sdk::{
    Attributes, Description, Element, ErrorCode, Outcome, Output, Parameters, Phase, Plan, Result,
    Run, SecretParameter, Step, TestHost, description,
};

/// Does what its parameter says.
#[derive(Parameters)]
struct Keeper {
    /// What to do.
    act: String,
    /// What it keeps.
    key: SecretParameter,
    /// What it reads.
    token: Option<SecretParameter>,
}

impl Element for Keeper {
    fn describe() -> Description {
        description!()
            .step(Step::new(Phase::Install))
            .request("accounts", "debian", "to log in")
            .request("rootfs", "write /etc", "to keep the key")
            .request("exec", "register", "to register")
            .request("secret", "place key", "to keep it")
            .request("secret", "open token", "to read it")
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        let key = plan.secret(&self.key)?;
        match &*self.act {
            "open" => key.open().map(drop),
            "root" => plan.set_password("root", &key),
            _ => plan.set_password("debian", &key),
        }
    }

    fn run_install(&self, run: &Run<'_>) -> Result<Outcome> {
        let key = run.secret(&self.key)?;
        match &*self.act {
            "open" => drop(key.open()?),
            "token" => {
                let token = run.secret(self.token.as_ref().expect("it is set"))?.open()?;
                assert_eq!(token, b"42");
            }
            "two" => drop(run.exec("register").stdin("x").run_with_secret(&key)?),
            _ => {
                run.rootfs()?.write_secret("/etc/key", &key)?;
                let mode = Attributes { mode: Some(0o640), ..Attributes::default() };
                run.rootfs()?.write_secret_as("/etc/group-key", &key, mode)?;
                run.exec("register").run_with_secret(&key)?;
            }
        }
        Ok(Outcome::Done)
    }
}

fn host(act: &str) -> TestHost {
    TestHost::new().parameter("act", act).secret("key", "hunter2").secret("token", "42")
}

#[test]
fn a_secret_is_declared_as_one() {
    let description = format!("{:?}", TestHost::describe::<Keeper>());
    assert_eq!(description.matches("kind: Secret").count(), 2, "{description}");
    // The optional one may be left out.
    assert_eq!(description.matches("default: Some(\"null\")").count(), 1, "{description}");
}

#[test]
fn a_secret_is_placed() {
    let mut host = host("place").answer("register", |command, _| {
        assert_eq!(command.stdin.as_deref(), Some(&b"hunter2"[..]));
        Output::default()
    });
    host.run::<Keeper>(Phase::Install).unwrap();
    assert_eq!(host.text("/etc/key"), "hunter2");
    assert_eq!(host.stat("/etc/key").unwrap().mode, 0o600);
    assert_eq!(host.stat("/etc/group-key").unwrap().mode, 0o640);
    let planned = host.plan::<Keeper>(Phase::Install).unwrap();
    assert_eq!(planned.passwords, [("debian".to_owned(), b"hunter2".to_vec())]);
}

#[test]
fn a_secret_is_opened_by_request_and_while_running_only() {
    host("token").run::<Keeper>(Phase::Install).unwrap();
    for (act, planning) in [("open", false), ("open", true), ("root", true)] {
        let error = match planning {
            true => host(act).plan::<Keeper>(Phase::Install).unwrap_err(),
            false => host(act).run::<Keeper>(Phase::Install).unwrap_err(),
        };
        assert_eq!(error.code, ErrorCode::Denied, "{act} {planning}: {error}");
    }
    let error = host("two").run::<Keeper>(Phase::Install).unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidArgument);
    let unset =
        TestHost::new().parameter("act", "token").run::<Keeper>(Phase::Install).unwrap_err();
    assert!(unset.message.contains("`key` is not set"), "{unset}");
}
