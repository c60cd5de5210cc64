//! Each limit stops the element that goes beyond it, by name, and one that does not goes on.

use super::*;

/// Runs `guest` with `limit` at `value`.
fn ran(guest: Guest, held: &Grants, limit: Limit, value: u64) -> Result<(), ElementFailure> {
    let mut bench = Bench::with(&guest);
    bench.limits = Limits::default().with(limit, value);
    let mut target = target();
    std::fs::create_dir(target.tree().join("etc")).unwrap();
    bench.run_on("x", held, &mut target, &mut Heard::default()).map(drop)
}

fn planned(guest: Guest, held: &Grants, limit: Limit, value: u64) -> Result<(), ElementFailure> {
    let mut bench = Bench::with(&guest);
    bench.limits = Limits::default().with(limit, value);
    bench.plan("x", held).map(drop)
}

/// `enough` lets it go on; one less stops it with this sentence and this line.
fn stops(
    call: impl Fn(u64) -> Result<(), ElementFailure>,
    enough: u64,
    sentence: &str,
    line: &str,
) {
    call(enough).unwrap();
    let failure = call(enough - 1).unwrap_err();
    assert_eq!(failure.message, sentence);
    let help = failure.help.unwrap();
    assert!(help.ends_with(&format!("[limits.elements.x]\n{line}")), "{help}");
}

#[test]
fn bytes_written() {
    let held = grants(&[("rootfs", "write /")]);
    let guest = || {
        Guest::new("x").run(|m| m.write_file("/etc/a", "four") + &m.write_file("/etc/b", "three"))
    };
    stops(
        |value| ran(guest(), &held, Limit::Written, value),
        9,
        "wrote more than 8 B into the target in `run(install)` and was stopped",
        "written = \"16B\"",
    );
}

#[test]
fn files_made() {
    let held = grants(&[("rootfs", "write /")]);
    let guest =
        || Guest::new("x").run(|m| m.write_file("/etc/a", "") + &m.write_file("/etc/b", ""));
    stops(
        |value| ran(guest(), &held, Limit::Files, value),
        2,
        "made more than 1 files in the target in `run(install)` and was stopped",
        "files = 2",
    );
}

#[test]
fn lines_of_the_element_and_of_its_programs() {
    let held = grants(&[("exec", "true")]);
    let guest = || Guest::new("x").run(|m| m.log("one\ntwo") + &m.run_program("true", &[]));
    stops(
        |value| ran(guest(), &held, Limit::LogLines, value),
        3,
        "logged more than 2 lines in `run(install)` and was stopped",
        "log-lines = 4",
    );
    let prints = || Guest::new("x").run(|m| m.print("one\ntwo\n"));
    stops(
        |value| ran(prints(), &none(), Limit::LogLines, value),
        2,
        "logged more than 1 lines in `run(install)` and was stopped; it said: one two",
        "log-lines = 2",
    );
}

#[test]
fn facts_and_their_bytes() {
    let value = r#"{"argument":"quiet"}"#;
    let guest = move || {
        Guest::new("x").provides(ARGUMENT).plan(move |m| {
            let slot = "dib:boot/kernel-argument@1";
            m.provide(slot, "1", value) + &m.provide(slot, "2", value)
        })
    };
    let held = grants(&[("facts", "*")]);
    stops(
        |most| planned(guest(), &held, Limit::Facts, most),
        2,
        "provided more than 1 facts in `plan(install)` and was stopped",
        "facts = 2",
    );
    stops(
        |most| planned(guest(), &held, Limit::FactBytes, most),
        2 * value.len() as u64,
        "provided facts of more than 39 B in `plan(install)` and was stopped",
        "fact-bytes = \"1KiB\"",
    );
}

#[test]
fn wishes() {
    let held = grants(&[("packages", "*")]);
    let guest = || Guest::new("x").plan(|m| m.request_package("vim") + &m.request_package("nano"));
    stops(
        |value| planned(guest(), &held, Limit::Wishes, value),
        2,
        "made more than 1 wishes in `plan(install)` and was stopped",
        "wishes = 2",
    );
}

#[test]
fn blobs_and_outputs() {
    let held = grants(&[("outputs", "*")]);
    let guest = || Guest::new("x").run(|m| m.emit(".a", "four") + &m.emit(".b", "three"));
    stops(
        |value| ran(guest(), &held, Limit::Blobs, value),
        9,
        "had the host hold more than 8 B of blobs in `run(install)` and was stopped",
        "blobs = \"16B\"",
    );
    stops(
        |value| ran(guest(), &held, Limit::Outputs, value),
        9,
        "put more than 8 B beside the image in `run(install)` and was stopped",
        "outputs = \"16B\"",
    );
}

/// A hundred turns of a loop.
fn busy() -> Guest {
    Guest::new("x").run(|_| {
        "(local $n i32)
         (loop (local.set $n (i32.add (local.get $n) (i32.const 1)))
               (br_if 0 (i32.lt_u (local.get $n) (i32.const 100))))"
            .into()
    })
}

#[test]
fn fuel_runs_out_at_the_same_place_each_time() {
    let needed = |fuel: &u64| ran(busy(), &none(), Limit::Fuel, *fuel).is_ok();
    // The least that is enough, by halving.
    let (mut too_little, mut enough) = (0, 10_000);
    assert!(needed(&enough));
    while enough - too_little > 1 {
        let middle = (enough + too_little) / 2;
        if needed(&middle) { enough = middle } else { too_little = middle }
    }
    assert!(enough > 100, "{enough}");
    stops(
        |value| ran(busy(), &none(), Limit::Fuel, value),
        enough,
        &format!("needed more than {too_little} units of fuel in `run(install)` and was stopped"),
        &format!("fuel = {}", 2 * too_little),
    );
}

#[test]
fn memory_time_and_what_raises_them() {
    let greedy = || {
        Guest::new("x").run(|_| {
            "(if (i32.eq (memory.grow (i32.const 1024)) (i32.const -1)) (then unreachable))".into()
        })
    };
    // 64 MiB on top of the four pages it starts with.
    let failure = ran(greedy(), &none(), Limit::Memory, 64 << 20).unwrap_err();
    assert!(failure.help.unwrap().ends_with("[limits.elements.x]\nmemory = \"128MiB\""));
    ran(greedy(), &none(), Limit::Memory, 65 << 20).unwrap();

    let endless = Guest::new("x").run(|_| "(loop (br 0))".into());
    let failure = ran(endless, &none(), Limit::StepTime, 100).unwrap_err();
    assert!(failure.help.unwrap().ends_with("[limits.elements.x]\nstep-time = \"1 s\""));
}

#[test]
fn the_time_of_the_host_comes_before_that_of_the_definition() {
    let bench = Bench::with(&Guest::new("x").run(|_| "(loop (br 0))".into()));
    let library = Library::new(LibraryOptions {
        folders: vec![bench.folder.path().to_owned()],
        step_time: Some(Duration::from_millis(100)),
        ..LibraryOptions::default()
    })
    .unwrap();
    library.describe("x", Path::new("/")).unwrap();
    let call = RunCall {
        inputs: &dibhost_inputs::Inputs::default(),
        element: "x",
        step: "install",
        phase: Phase::Install,
        machine: &bench.machine,
        parameters: &bench.parameters,
        grants: &none(),
        facts: &bench.facts,
        limits: &Limits::default(),
        secrets: &bench.secrets,
        cache: None,
        remote: None,
        cancel: &bench.cancel,
    };
    let failure = library.run_step(&call, &mut target(), &mut Heard::default()).unwrap_err();
    assert_eq!(failure.message, "ran longer than 100 ms in `run(install)` and was stopped");
    assert!(failure.help.unwrap().contains("`--step-timeout SECONDS`"));
}

/// A list in which one text of the guest's memory is said again and again is copied as often.
#[test]
fn more_than_the_host_takes_in_one_call() {
    // 10,000 fields, the name and value of each the same 8 KiB.
    let guest = Guest::new("x").run(|m| {
        let text = m.place("x".repeat(8192).as_bytes());
        let entry = [text, 8192, text, 8192].map(u32::to_le_bytes).concat();
        let fields = m.list(&vec![entry; 10_000]);
        let at = m.place(&fields);
        format!(
            "(call $log (i32.const 2) (i32.const 0) (i32.const 0)
                (i32.load (i32.const {at})) (i32.load offset=4 (i32.const {at})))"
        )
    });
    let failure = ran(guest, &none(), Limit::Memory, 64 << 20).unwrap_err();
    assert_eq!(
        failure.message,
        "handed over more data at once in `run(install)` than the host takes"
    );
}

#[test]
fn a_description_that_nobody_could_read() {
    let mut guest = Guest::new("x");
    guest.requests = vec![("packages", "vim"); 10_001];
    let failure = Bench::with(&guest).plan("x", &none()).unwrap_err();
    assert!(
        failure.message.ends_with(
            "its description is not sound: it has 10004 parameters, slots, requests and the \
             like; 10000 is the most"
        ),
        "{failure}"
    );
    let long: &'static str = "x".repeat((1 << 20) + 1).leak();
    let mut guest = Guest::new("x");
    guest.requests = vec![("packages", long)];
    let failure = Bench::with(&guest).plan("x", &none()).unwrap_err();
    assert!(failure.message.ends_with("its texts have 1 MiB; 1 MiB is the most"), "{failure}");
}

#[test]
fn a_component_that_is_too_large_or_takes_too_long_to_compile() {
    let bench = Bench::with(&Guest::new("x"));
    let library = |load: LoadLimits| {
        Library::new(LibraryOptions {
            folders: vec![bench.folder.path().to_owned()],
            load,
            ..LibraryOptions::default()
        })
        .unwrap()
    };
    let small = library(LoadLimits { component: 100, ..LoadLimits::default() });
    let failure = small.describe("x", Path::new("/")).unwrap_err();
    assert!(failure.message.ends_with("a component is at most 100 bytes"), "{failure}");
    let hasty = library(LoadLimits { compile: Duration::ZERO, ..LoadLimits::default() });
    let failure = hasty.describe("x", Path::new("/")).unwrap_err();
    assert!(failure.message.ends_with("takes longer than 0 ms to compile"), "{failure}");
}
