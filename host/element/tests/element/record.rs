//! What a step asked and was answered is recorded, and replayed without a host.

use dibhost_element::{Answer, Ending, Record};

use super::*;

/// Records `run(install)` of a guest on a target with `/etc`.
fn recorded(bench: &Bench, held: &Grants) -> Record {
    let library = bench.library();
    library.describe("x", Path::new("/")).unwrap();
    let call = RunCall {
        inputs: &dibhost_inputs::Inputs::default(),
        element: "x",
        step: "install",
        phase: Phase::Install,
        machine: &bench.machine,
        parameters: &bench.parameters,
        grants: held,
        facts: &bench.facts,
        limits: &bench.limits,
        secrets: &bench.secrets,
        cache: None,
        remote: None,
        cancel: &bench.cancel,
    };
    let mut target = target();
    std::fs::create_dir(target.tree().join("etc")).unwrap();
    let (record, _) = library.record_step(&call, &mut target, &mut Heard::default()).unwrap();
    record
}

/// Replays `record` with what the bench's folder has now.
fn replayed(bench: &Bench, record: &Record) -> Result<Ending, ElementFailure> {
    let library = bench.library();
    library.describe("x", Path::new("/")).unwrap();
    library.replay(record)
}

fn work(m: &mut common::Memory) -> String {
    m.write_file("/etc/motd", "hello") + &m.run_program("true", &["-x"]) + &m.emit(".a", "out")
}

fn all() -> Grants {
    grants(&[("rootfs", "write /"), ("exec", "*"), ("outputs", "*")])
}

#[test]
fn a_record_says_every_call_and_a_replay_makes_the_same() {
    let bench = Bench::with(&Guest::new("x").run(work));
    let record = recorded(&bench, &all());
    let calls: Vec<_> = record.calls.iter().map(|c| c.call.as_str()).collect();
    let expected = [
        "rootfs.open",
        "rootfs.tree.apply",
        "rootfs.tree.drop",
        "exec.run",
        "blobs.from-bytes",
        "outputs.emit",
    ];
    assert_eq!(calls, expected);
    assert_eq!(record.ending, Ending::Done);
    let written = &record.calls[1].arguments["changes"][0]["Write"];
    assert_eq!(written["path"], "/etc/motd");
    assert_eq!(written["content"]["base64"], "aGVsbG8=");
    let ran = &record.calls[3];
    assert_eq!(ran.arguments["command"]["args"], json!(["-x"]));
    assert!(matches!(&ran.answer, Answer::Ok(output) if output["status"] == 0));

    // By way of a file, and on a host that has no tree and no programs.
    let read = Record::parse(&record.to_text()).unwrap();
    assert_eq!(read, record);
    assert_eq!(replayed(&bench, &read).unwrap(), Ending::Done);
}

#[test]
fn a_call_that_differs_is_told_with_both() {
    let bench = Bench::with(&Guest::new("x").run(work));
    let record = recorded(&bench, &all());
    let now = |guest: Guest| {
        guest.install(bench.folder.path());
        replayed(&bench, &record).unwrap_err().message
    };
    let other = now(Guest::new("x").run(|m| m.write_file("/etc/issue", "hello")));
    let start = "differs from its record at call 2: the record has `rootfs.tree.apply` of {";
    assert!(other.starts_with(start), "{other}");
    assert!(other.contains("/etc/motd") && other.contains("/etc/issue"), "{other}");
    let more = now(Guest::new("x").run(|m| work(m) + &m.emit(".b", "more")));
    assert!(more.contains("call 7 is `blobs.from-bytes`"), "{more}");
    let less = now(Guest::new("x").run(|m| m.write_file("/etc/motd", "hello")));
    assert!(less.contains("the record goes on with `exec.run`"), "{less}");
    // Ends where the record goes on.
    let traps = now(Guest::new("x").run(|_| "unreachable".into()));
    assert!(traps.contains("the record goes on with `rootfs.open`"), "{traps}");
}

#[test]
fn an_error_of_the_host_and_a_step_that_fails_are_replayed_as_they_were() {
    // Not granted: the guest gets the error and returns it.
    let bench = Bench::with(&Guest::new("x").run(|m| m.write_file("/etc/motd", "x")));
    let record = recorded(&bench, &none());
    assert!(matches!(&record.calls[0].answer, Answer::Error(e) if e["code"] == "Denied"));
    let Ending::Failed(why) = &record.ending else { panic!("{:?}", record.ending) };
    assert!(why.starts_with("`rootfs` of `read /` is not granted"), "{why}");
    assert_eq!(replayed(&bench, &record).unwrap(), record.ending);

    // Stopped by a limit.
    let mut bench = Bench::with(&Guest::new("x").run(|m| m.write_file("/etc/motd", "long")));
    bench.limits = Limits::default().with(Limit::Written, 1);
    let record = recorded(&bench, &all());
    assert!(matches!(&record.calls[1].answer, Answer::Ended(_)), "{:?}", record.calls);
    assert!(matches!(replayed(&bench, &record).unwrap(), Ending::Failed(_)));

    // Otherwise than recorded.
    let mut other = record;
    other.calls.clear();
    other.ending = Ending::Done;
    Guest::new("x").run(|_| "unreachable".into()).install(bench.folder.path());
    let said = replayed(&bench, &other).unwrap_err().message;
    let start = "ends otherwise than its record: it was done, and now it failed";
    assert!(said.starts_with(start), "{said}");
}

#[test]
fn what_is_no_record_is_told() {
    let said = |text: &str| Record::parse(text).unwrap_err();
    assert!(said("{").starts_with("is no JSON"));
    assert_eq!(said("{}"), "is no record of a step: it says no `format`");
    assert_eq!(said("{\"format\": 2}"), "is a record of form 2; this host reads 1");
    assert!(said("{\"format\": 1}").starts_with("is no sound record"));
}
