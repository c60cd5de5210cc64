//! Elements that behave and elements that do not, from file to answer.

mod common;
#[path = "element/facts.rs"]
mod facts;
#[path = "element/fetch.rs"]
mod fetch;
#[path = "element/limits.rs"]
mod limits;
#[path = "element/record.rs"]
mod record;
#[path = "element/rights.rs"]
mod rights;
#[path = "element/secrets.rs"]
mod secrets;
#[path = "element/words.rs"]
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{Guest, GuestStep};
use dibhost_definition::{Definition, Limit, Limits};
use dibhost_element::{
    Level, Library, LibraryOptions, LoadLimits, Observer, Outcome, Remote, RunAnswer, RunCall,
    SecretStore,
};
use dibhost_plan::fact::Fact;
use dibhost_plan::grant::{Grants, Right};
use dibhost_plan::planner::{
    BuilderSurroundings, ElementFailure, Planner as _, StepAnswer, StepCall, TargetMachine,
};
use dibhost_plan::wish::Wish;
use dibhost_plan::{Phase, PlanInputs};
use dibhost_sys::Cancel;
use dibhost_tree::{Command, Line, Output, SimulatedTarget};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A folder of elements, a cache, and what is given to calls.
struct Bench {
    folder: TempDir,
    cache: TempDir,
    limits: Limits,
    load: LoadLimits,
    machine: TargetMachine,
    parameters: BTreeMap<String, Value>,
    facts: BTreeMap<String, Vec<Fact>>,
    cancel: Cancel,
    secrets: Arc<dyn SecretStore>,
    remote: Option<Remote>,
}

impl Bench {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            cache: tempfile::tempdir().unwrap(),
            limits: Limits::default(),
            load: LoadLimits::default(),
            machine: TargetMachine {
                arch: "amd64".into(),
                image_name: "test".into(),
                source_date_epoch: 1_700_000_000,
            },
            parameters: BTreeMap::new(),
            facts: BTreeMap::new(),
            cancel: Cancel::new(),
            secrets: Arc::new(secrets::OneSecret::default()),
            remote: None,
        }
    }

    fn with(guest: &Guest) -> Self {
        let bench = Self::new();
        guest.install(bench.folder.path());
        bench
    }

    fn cache(&self) -> std::path::PathBuf {
        self.cache.path().join("cwasm")
    }

    fn library(&self) -> Library {
        Library::new(LibraryOptions {
            folders: vec![self.folder.path().to_owned()],
            cache: Some(self.cache()),
            load: self.load.clone(),
            ..LibraryOptions::default()
        })
        .unwrap()
    }

    fn plan(&self, name: &str, grants: &Grants) -> Result<StepAnswer, ElementFailure> {
        let library = self.library();
        let described = library.describe(name, Path::new("/"))?;
        library.plan_step(&StepCall {
            description: &described.description,
            inputs: &dibhost_inputs::Inputs::default(),
            element: name,
            step: "install",
            phase: Phase::Install,
            machine: &self.machine,
            parameters: &self.parameters,
            grants,
            limits: &self.limits,
            facts: &self.facts,
            nodes: &[],
            builder: &BuilderSurroundings::default(),
        })
    }

    fn run(&self, name: &str, grants: &Grants) -> Result<RunAnswer, ElementFailure> {
        self.run_on(name, grants, &mut target(), &mut Heard::default())
    }

    fn run_on(
        &self,
        name: &str,
        grants: &Grants,
        target: &mut SimulatedTarget,
        heard: &mut Heard,
    ) -> Result<RunAnswer, ElementFailure> {
        let library = self.library();
        library.describe(name, Path::new("/"))?;
        let call = RunCall {
            inputs: &dibhost_inputs::Inputs::default(),
            element: name,
            step: "install",
            phase: Phase::Install,
            machine: &self.machine,
            parameters: &self.parameters,
            grants,
            facts: &self.facts,
            limits: &self.limits,
            secrets: &self.secrets,
            cache: None,
            remote: self.remote.as_ref(),
            cancel: &self.cancel,
        };
        library.run_step(&call, target, heard)
    }
}

/// A target in which `true` ends well, `false` does not, and nothing else is there.
fn target() -> SimulatedTarget {
    let answer = |command: &Command, line: &mut dyn FnMut(Line)| {
        line(Line { error: false, text: format!("{} \u{1b}[31mran", command.program) });
        Ok(Output {
            status: i32::from(command.program != "true"),
            signal: None,
            timed_out: false,
            stdout: Vec::new(),
            stderr: b"first\nno such luck\n".to_vec(),
            deferred: Vec::new(),
        })
    };
    SimulatedTarget::new(1_700_000_000, Box::new(answer)).unwrap()
}

#[derive(Default)]
struct Heard {
    log: Vec<(Level, String)>,
    lines: Vec<String>,
    spans: Vec<String>,
}

impl Observer for Heard {
    fn span_started(&mut self, _id: u64, name: &str) {
        self.spans.push(name.to_owned());
    }

    fn log(&mut self, level: Level, message: &str, _fields: &[(String, String)]) {
        self.log.push((level, message.to_owned()));
    }

    fn program_line(&mut self, program: &str, _error: bool, text: &str) {
        self.lines.push(format!("{program}: {text}"));
    }
}

fn grants(list: &[(&str, &str)]) -> Grants {
    list.iter().map(|(c, s)| Right::of(c, s).unwrap()).collect()
}

fn none() -> Grants {
    Grants::default()
}

const ARGUMENT: common::GuestSlot = ("dib:boot/kernel-argument@1", 2, 0, None);
const KERNEL: common::GuestSlot = ("dib:boot/kernel@1", 2, 1, None);
const KERNEL_VALUE: &str =
    r#"{"version":"6.1.0-1-amd64","image":"/boot/vmlinuz-1","initramfs":"/boot/initrd.img-1"}"#;

#[test]
fn a_good_element_is_described_planned_and_run() {
    let guest = Guest::new("good")
        .provides(ARGUMENT)
        .provides(KERNEL)
        .requests("packages", "linux-*")
        .requests("rootfs", "write /etc")
        .requests("exec", "true")
        .requests("outputs", ".motd")
        .plan(|m| {
            let argument = r#"{"argument":"console=ttyS0"}"#;
            let fact = m.provide("dib:boot/kernel-argument@1", "serial", argument);
            let package = m.request_package("linux-image-amd64");
            fact + &package + &m.parameter("colour")
        })
        .run(|m| {
            let file = m.write_file("/etc/motd", "hello");
            let program = m.run_program("true", &["-x"]);
            let fact = m.provide("dib:boot/kernel@1", "1", KERNEL_VALUE);
            file + &program + &fact + &m.log("said\u{7}\nlater") + &m.emit(".motd", "hello")
        });
    let bench = Bench::with(&guest);
    let described = bench.library().describe("good", Path::new("/")).unwrap();
    assert_eq!(described.description.version, "1.2.3");
    assert_eq!(described.description.parameters[0].default, Some(json!("blue")));
    assert_eq!(described.description.steps[0].provides[0].name, "dib:boot/kernel-argument@1");
    assert!(described.digest.starts_with("sha256:") && described.digest.len() == 71);
    assert!(!described.first_party);
    assert!(described.imports.contains(&"rootfs".to_owned()));

    let held = Grants::asked(&described.description.requests, &[]);
    let planned = bench.plan("good", &held).unwrap();
    let argument = json!({"argument": "console=ttyS0"});
    assert_eq!(
        planned.facts,
        [("dib:boot/kernel-argument@1".to_owned(), "serial".to_owned(), argument)]
    );
    let [Wish::Package(package)] = &planned.wishes[..] else { panic!("{:?}", planned.wishes) };
    assert_eq!(package.name, "linux-image-amd64");
    assert_eq!(planned.findings, []);

    let (mut target, mut heard) = (target(), Heard::default());
    std::fs::create_dir(target.tree().join("etc")).unwrap();
    let answer = bench.run_on("good", &held, &mut target, &mut heard).unwrap();
    assert_eq!(answer.outcome, Outcome::Done);
    assert_eq!(answer.observed.facts[0].1, "1");
    assert_eq!(answer.observed.facts[0].2["image"], "/boot/vmlinuz-1");
    assert_eq!(answer.observed.outputs[0].0, ".motd");
    assert_eq!(&*answer.observed.outputs[0].1, b"hello");
    assert_eq!(std::fs::read(target.tree().join("etc/motd")).unwrap(), b"hello");
    assert_eq!(heard.lines, ["true: true \\u{1b}[31mran"]);
    let info = |text: &str| (Level::Info, text.to_owned());
    assert_eq!(heard.log, [info("said\\u{7}"), info("later")]);
}

#[test]
fn the_second_time_the_code_and_the_description_come_from_the_cache() {
    let bench = Bench::with(&Guest::new("good"));
    let first = bench.library();
    first.describe("good", Path::new("/")).unwrap();
    assert_eq!(first.compiled(), 1);

    let second = bench.library();
    let described = second.describe("good", Path::new("/")).unwrap();
    assert_eq!(second.compiled(), 0);
    let call = StepCall {
        description: &described.description,
        inputs: &dibhost_inputs::Inputs::default(),
        element: "good",
        step: "install",
        phase: Phase::Install,
        machine: &bench.machine,
        parameters: &bench.parameters,
        grants: &none(),
        limits: &bench.limits,
        facts: &bench.facts,
        nodes: &[],
        builder: &BuilderSurroundings::default(),
    };
    second.plan_step(&call).unwrap();
    assert_eq!(second.compiled(), 0);

    // Another component is another digest.
    Guest::new("good").plan(|m| m.log("x")).install(bench.folder.path());
    let third = bench.library();
    third.describe("good", Path::new("/")).unwrap();
    assert_eq!(third.compiled(), 1);

    // Code that is spoilt is made anew.
    for entry in std::fs::read_dir(bench.cache()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "cwasm") {
            // The old file is mapped by the libraries above: another one takes its name.
            std::fs::remove_file(&path).unwrap();
            std::fs::write(&path, b"\x7fELF nonsense").unwrap();
        }
    }
    bench.plan("good", &none()).unwrap();
}

#[test]
fn a_cache_that_others_can_write_is_refused() {
    let bench = Bench::with(&Guest::new("good"));
    drop(bench.library());
    let mode = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(bench.cache(), mode).unwrap();
    let options = LibraryOptions { cache: Some(bench.cache()), ..LibraryOptions::default() };
    let failure = Library::new(options).err().unwrap();
    assert!(failure.message.contains("its mode is 0777"), "{}", failure.message);
}

#[test]
fn several_elements_are_made_ready_at_once() {
    let bench = Bench::new();
    let names: Vec<_> = (0..4).map(|n| format!("element-{n}")).collect();
    for name in &names {
        Guest::new(name).install(bench.folder.path());
    }
    let library = bench.library();
    std::thread::scope(|scope| {
        for name in names.iter().chain(&names) {
            scope.spawn(|| library.describe(name, Path::new("/")).unwrap());
        }
    });
    // Whoever came second may have been as quick.
    assert!((4..=8).contains(&library.compiled()), "{}", library.compiled());
    let compiled = library.compiled();
    for name in &names {
        library.describe(name, Path::new("/")).unwrap();
    }
    assert_eq!(library.compiled(), compiled);
    assert_eq!(library.known_names(), names);
}

#[test]
fn a_trap_is_told_with_the_phase_and_the_last_words() {
    let guest = Guest::new("broken").run(|m| {
        let words = "thread '<unnamed>' panicked at src/lib.rs:3:5:\nno kernel\nnote: run with\n";
        m.print(words) + "unreachable"
    });
    let failure = Bench::with(&guest).run("broken", &none()).unwrap_err();
    assert_eq!(
        failure.message,
        "trapped in `run(install)`: wasm `unreachable` instruction executed; it said: \
         thread '<unnamed>' panicked at src/lib.rs:3:5: no kernel"
    );
}

#[test]
fn an_endless_loop_is_stopped() {
    let guest =
        Guest::new("endless").run(|_| "(loop (br 0))".into()).plan(|_| "(loop (br 0))".into());
    let mut bench = Bench::with(&guest);
    bench.limits = Limits::default().with(Limit::StepTime, 200).with(Limit::PlanTime, 300);
    let start = Instant::now();
    let failure = bench.run("endless", &none()).unwrap_err();
    assert_eq!(failure.message, "ran longer than 200 ms in `run(install)` and was stopped");
    let failure = bench.plan("endless", &none()).unwrap_err();
    assert_eq!(failure.message, "ran longer than 300 ms in `plan(install)` and was stopped");
    assert!(start.elapsed() < Duration::from_secs(20));

    let mut endless = Guest::new("endless");
    endless.describe = "(loop (br 0))";
    let mut bench = Bench::with(&endless);
    bench.load.describe = Duration::from_millis(100);
    let failure = bench.plan("endless", &none()).unwrap_err();
    assert!(failure.message.contains("ran longer than 100 ms in `describe`"), "{failure}");
}

#[test]
fn a_cancelled_build_stops_an_element() {
    let bench = Bench::with(&Guest::new("endless").run(|_| "(loop (br 0))".into()));
    let cancel = bench.cancel.clone();
    let thread = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        cancel.cancel();
    });
    let start = Instant::now();
    let failure = bench.run("endless", &none()).unwrap_err();
    assert_eq!(failure.message, "was stopped in `run(install)`: the build was cancelled");
    assert!(start.elapsed() < Duration::from_secs(20));
    thread.join().unwrap();
}

#[test]
fn a_sleep_takes_no_time_and_the_clock_knows() {
    let guest = Guest::new("sleepy").run(|_| {
        "(call $block (call $sleep (i64.const 3600000000000)))
         (if (i64.lt_u (call $now) (i64.const 3600000000000)) (then unreachable))"
            .into()
    });
    Bench::with(&guest).run("sleepy", &none()).unwrap();
}

#[test]
fn a_gibibyte_is_refused_by_name() {
    let guest = Guest::new("greedy").run(|_| {
        "(if (i32.eq (memory.grow (i32.const 16384)) (i32.const -1)) (then unreachable))".into()
    });
    let failure = Bench::with(&guest).run("greedy", &none()).unwrap_err();
    assert_eq!(failure.message, "asked for more than 64 MiB of memory in `run(install)` (1 GiB)");
}

#[test]
fn a_step_of_another_name_is_not_run() {
    let bench = Bench::with(&Guest::new("x"));
    let library = bench.library();
    library.describe("x", Path::new("/")).unwrap();
    let call = RunCall {
        inputs: &dibhost_inputs::Inputs::default(),
        element: "x",
        step: "hear",
        phase: Phase::Install,
        machine: &bench.machine,
        parameters: &bench.parameters,
        grants: &none(),
        facts: &bench.facts,
        limits: &bench.limits,
        secrets: &bench.secrets,
        cache: None,
        remote: None,
        cancel: &bench.cancel,
    };
    let failure = library.run_step(&call, &mut target(), &mut Heard::default()).unwrap_err();
    assert_eq!(failure.message, "declares no step `hear` to run in phase `install`");
}

#[test]
fn a_program_that_fails_fails_the_step_with_what_it_said() {
    let guest = Guest::new("x").run(|m| m.run_program("false", &[]));
    let bench = Bench::with(&guest);
    let failure = bench.run("x", &grants(&[("exec", "false")])).unwrap_err();
    assert_eq!(failure.message, "`false` ended with status 1: first; no such luck");
    let failure = bench.run("x", &grants(&[("exec", "network")])).unwrap_err();
    assert!(failure.message.contains("`exec` of `false` is not granted"), "{failure}");
}

#[test]
fn a_step_that_only_plans_is_not_run() {
    let mut guest = Guest::new("planner").run(|_| "unreachable".into());
    guest.steps[0].plan_only = true;
    let bench = Bench::with(&guest);
    bench.plan("planner", &none()).unwrap();
    let failure = bench.run("planner", &none()).unwrap_err();
    assert_eq!(failure.message, "declares nothing to run in phase `install`");
}

#[test]
fn a_flood_of_lines_ends() {
    let guest = Guest::new("chatty").run(|m| {
        let line = m.log("x");
        format!(
            "(local $n i32) (loop {line}
                (local.set $n (i32.add (local.get $n) (i32.const 1)))
                (br_if 0 (i32.lt_u (local.get $n) (i32.const 20000))))"
        )
    });
    let mut heard = Heard::default();
    let failure =
        Bench::with(&guest).run_on("chatty", &none(), &mut target(), &mut heard).unwrap_err();
    assert_eq!(failure.message, "logged more than 10000 lines in `run(install)` and was stopped");
    assert_eq!(
        failure.help.unwrap(),
        "if it is meant to, add this to the image definition:\n\
         [limits.elements.chatty]\nlog-lines = 20000"
    );
    assert_eq!(heard.log.len(), 10_000);
}

#[test]
fn what_is_no_element_is_refused_with_a_sentence() {
    let bench = Bench::new();
    let said = |name: &str, bytes: &[u8]| {
        std::fs::write(bench.folder.path().join(format!("{name}.wasm")), bytes).unwrap();
        bench.library().describe(name, Path::new("/")).unwrap_err()
    };
    let elf = said("elf", b"\x7fELF\x02\x01\x01");
    assert!(elf.message.contains("native code (ELF)"), "{elf}");
    let module = said("module", &wat::parse_str("(module)").unwrap());
    assert!(module.message.contains("core WebAssembly module"), "{module}");
    let empty = said("empty", &wat::parse_str("(component)").unwrap());
    assert!(empty.message.contains("does not export `dib:element/metadata`"), "{empty}");
    let cut = said("cut", &Guest::new("cut").component()[..2000]);
    assert!(cut.message.contains("is no sound component"), "{cut}");
    let text = said("text", b"hello");
    assert!(text.message.contains("is no WebAssembly component"), "{text}");
    let other = said("other", &Guest::new("another").component());
    assert!(other.message.contains("calls itself `another` and not `other`"), "{other}");
    assert!(other.help.unwrap().contains("`another.wasm`"));

    let mut newer = Guest::new("newer");
    newer.contract = "0.2.0";
    let newer = said("newer", &newer.component());
    assert!(
        newer.message.ends_with("was made for dib:element 0.2, this host speaks 0.1"),
        "{newer}"
    );

    let absent = bench.library().describe("absent", Path::new("/")).unwrap_err();
    assert_eq!(absent.message, "there is no element `absent`");
    assert!(absent.help.is_some_and(|help| help.contains("`dibhost element list`")));
    let path = bench.library().describe("./absent.wasm", Path::new("/nowhere")).unwrap_err();
    assert!(path.message.contains("there is no file `/nowhere/./absent.wasm`"), "{path}");
}

#[test]
fn a_file_that_shadows_a_first_party_element_holds_no_trust() {
    let (own, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let shipped = Guest::new("debian").install(own.path());
    let digest = dibhost_element::Library::new(LibraryOptions {
        folders: vec![own.path().to_owned()],
        ..LibraryOptions::default()
    })
    .unwrap()
    .inspect("debian", Path::new("/"))
    .unwrap()
    .digest;
    Guest::new("debian").plan(|m| m.log("evil")).install(theirs.path());

    let library = |folders: &[&Path]| {
        Library::new(LibraryOptions {
            folders: folders.iter().map(|f| f.to_path_buf()).collect(),
            first_party: BTreeSet::from([digest.clone()]),
            ..LibraryOptions::default()
        })
        .unwrap()
    };
    let plain = library(&[own.path(), theirs.path()]);
    assert!(plain.describe("debian", Path::new("/")).unwrap().first_party);
    let shadowed = library(&[theirs.path(), own.path()]);
    assert!(!shadowed.describe("debian", Path::new("/")).unwrap().first_party);
    let listed = shadowed.list().unwrap();
    assert_eq!(listed.len(), 1);
    assert!(listed[0].path.starts_with(theirs.path()));
    assert!(!listed[0].inspection.as_ref().unwrap().first_party);

    // By path, the same file is the same element; another of that name is not.
    let both = plain.describe("./debian.wasm", theirs.path()).unwrap_err();
    assert!(both.message.contains("two different elements are called `debian`"), "{both}");
    plain.describe(&shipped.display().to_string(), Path::new("/")).unwrap();
}
