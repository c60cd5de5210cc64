//! The host in memory holds an element to what it declared and requested.

use dibhost_element_sdk::block_device::{Node, TableKind};
use dibhost_element_sdk::slots::{InitramfsModule, Kernel, KernelArgument};
use dibhost_element_sdk::{
    Bootstrap, Change, Context, DebRepository, DebconfAnswer, Description, DropIn, Element,
    ErrorCode, Module, Outcome, Output, PackageGroup, Parameters, Phase, Plan, Preset,
    PresetAction, Result, RpmRepository, Run, Step, Sudo, TestHost, UnitState, User, description,
};

/// Does what its parameter says.
#[derive(Parameters)]
struct Probe {
    /// What to do.
    act: String,
}

impl Element for Probe {
    fn describe() -> Description {
        description!()
            .step(
                Step::new(Phase::Install)
                    .provides::<KernelArgument>()
                    .consumes::<KernelArgument>()
                    .provides::<Kernel>(),
            )
            .step(Step::planning(Phase::BlockDevice))
            .request("packages", "linux-image-*", "to boot")
            .request("packages", "@nodejs:20", "to serve")
            .request("repositories", "https://packages.example/* key:*", "to have more")
            .request("services", "*.service", "to start")
            .request("services-define", "probe.service", "to start")
            .request("accounts", "debian", "to log in")
            .request("accounts-sudo", "debian", "to see to it")
            .request("accounts", "guest", "to look")
            .request("builder", "authorized-keys", "to log in")
            .request("block-device", "", "to have a disk")
            .request("rootfs", "write /etc/probe", "its own")
            .request("rootfs", "read /usr/lib", "to look")
            .request("exec", "probe-*", "its own")
            .request("outputs", "*.txt", "to tell")
    }

    fn plan_block_device(&self, plan: &Plan<'_>) -> Result<()> {
        match &*self.act {
            "twice" => plan.add_nodes([Node::disk("disk0"), Node::disk("disk0")]),
            "nowhere" => plan.add_nodes([Node::table("t", "disk1", TableKind::Gpt)]),
            "seen" => plan.replace_node(plan.nodes()?.remove(0)),
            _ => plan.add_nodes([Node::disk("disk0"), Node::table("t", "disk0", TableKind::Gpt)]),
        }
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        let argument = |text: &str| KernelArgument { argument: text.to_owned(), reason: None };
        match &*self.act {
            "wishes" => {
                plan.package("linux-image-amd64", "to boot")?;
                plan.service("ssh.service", UnitState::Enabled)?;
                plan.define_unit("probe.service", "[Unit]\n")?;
                plan.user(User { name: "debian".into(), ..User::default() })?;
                assert_eq!(plan.builder_keys()?, ["key"]);
                Ok(())
            }
            "more wishes" => {
                plan.debconf([DebconfAnswer::new(
                    "linux-image-amd64",
                    "linux-image-amd64/b",
                    "boolean",
                    "true",
                )])?;
                let (name, url) = ("more".to_owned(), "https://packages.example/x".to_owned());
                plan.deb_repository(DebRepository {
                    name: name.clone(),
                    url: url.clone(),
                    build_only: true,
                    ..DebRepository::default()
                })?;
                plan.rpm_repository(RpmRepository { name, url, ..RpmRepository::default() })?;
                plan.module(Module::new("nodejs", "20", "to serve"))?;
                plan.drop_in(DropIn::new("probe.service", "10-more", "[Service]\n"))?;
                plan.preset(Preset::new(90, "*.service", PresetAction::Disable))?;
                plan.user(User {
                    name: "debian".into(),
                    sudo: Some(Sudo::Nopasswd),
                    ..User::default()
                })?;
                let (name, sudo) = ("guest".into(), Some(Sudo::None));
                plan.user(User { name, sudo, ..User::default() })
            }
            "answer" => plan.debconf([DebconfAnswer::new("grub", "a/b", "boolean", "true")]),
            "elsewhere" => plan.deb_repository(DebRepository {
                url: "https://elsewhere.example".into(),
                ..DebRepository::default()
            }),
            "rpm elsewhere" => plan.rpm_repository(RpmRepository {
                url: "https://elsewhere.example".into(),
                ..RpmRepository::default()
            }),
            "stream" => plan.module(Module::new("nodejs", "18", "not requested")),
            "group" => plan.package_group(PackageGroup::new("core", "not requested")),
            "drop-in" => plan.drop_in(DropIn::new("ssh.service", "10-more", "")),
            "preset" => plan.preset(Preset::new(90, "*", PresetAction::Disable)),
            "sudo" => plan.user(User {
                name: "guest".into(),
                sudo: Some(Sudo::Password),
                ..User::default()
            }),
            "package" => plan.package("grub", "not requested"),
            "service" => plan.service("ssh.socket", UnitState::Enabled),
            "unit" => plan.define_unit("other.service", ""),
            "user" => plan.group("root", None),
            "proxy" => plan.builder_proxies().map(drop),
            "bootstrap" => plan.bootstrap(Bootstrap::Container("x".into())),
            "fact" => plan.provide("a", &argument("quiet")),
            "same" => {
                plan.provide("a", &argument("quiet"))?;
                plan.provide("a", &argument("quiet"))?;
                plan.provide("a", &argument("loud"))
            }
            "undeclared" => plan.provide("a", &InitramfsModule { name: "loop".into() }),
            "unread" => plan.consume::<InitramfsModule>().map(drop),
            "observed" => plan
                .provide("a", &Kernel { version: "6".into(), image: "/b".into(), initramfs: None }),
            act => Err(format!("no act `{act}`").into()),
        }
    }

    fn run_install(&self, run: &Run<'_>) -> Result<Outcome> {
        let tree = run.rootfs()?;
        match &*self.act {
            "write" => tree.apply([
                Change::directory("/etc/probe/deep").mode(0o700),
                Change::write("/etc/probe/deep/file", "text").owner("backup", "7").mode(0o600),
                Change::symlink("/etc/probe/link", "deep/file"),
                Change::append("/etc/probe/link", " and more"),
                Change::copy("/etc/probe/deep/file", "/etc/probe/copy"),
                Change::rename("/etc/probe/deep", "/etc/probe/moved"),
            ])?,
            "half" => tree.apply([
                Change::directory("/etc/probe"),
                Change::write("/etc/probe/no/folder", "text"),
            ])?,
            "outside" => tree.write("/etc/passwd", "root")?,
            "through" => tree.write("/etc/probe/link/passwd", "root")?,
            "read" => assert_eq!(tree.read_text("/lib/os-release")?, "ID=debian\n"),
            "read-only" => tree.write("/usr/lib/os-release", "ID=hacked\n")?,
            "missing" => drop(tree.read("/usr/lib/nothing").context("looking")?),
            "walk" => {
                let all = tree.walk("/usr/lib")?;
                let names: Vec<&str> = all.iter().map(|e| e.name()).collect();
                assert_eq!(names, ["os-release", "probe", "a", "b"]);
                assert_eq!(tree.list("/usr/lib")?.len(), 2);
                assert!(tree.list("/usr/lib/nowhere")?.is_empty());
            }
            "exec" => {
                let output = run.exec("probe-ok").arg("1").env("A", "b").capture().run()?;
                run.log(output.text());
            }
            "fail" => drop(run.exec("probe-bad").run()?),
            "may-fail" => assert_eq!(run.exec("probe-bad").allow_failure().run()?.status, 3),
            "network" => drop(run.exec("probe-ok").network().run()?),
            "other" => drop(run.exec("rm").run()?),
            "absent" => drop(run.exec("probe-absent").run()?),
            "emit" => run.emit("sums.txt", b"0")?,
            "emit-other" => run.emit("sums.bin", b"0")?,
            "planned" => run.provide("", &KernelArgument { argument: "a".into(), reason: None })?,
            act => return Ok(Outcome::skipped(act)),
        }
        Ok(Outcome::Done)
    }
}

fn host(act: &str) -> TestHost {
    TestHost::new()
        .parameter("act", act)
        .builder_key("key")
        .file("/etc/passwd", "backup:x:34:34::/:/bin/false\n")
        .file("/usr/lib/os-release", "ID=debian\n")
        .file("/usr/lib/probe/a", "")
        .file("/usr/lib/probe/b", "")
        .answer("probe-ok", |command, tree| {
            tree.put_file("/etc/ran", command.args.join(" "));
            Output { stdout: b"fine".to_vec(), ..Output::default() }
        })
        .answer("probe-bad", |_, _| Output { status: 3, ..Output::default() })
}

fn plan_code(act: &str) -> ErrorCode {
    host(act).plan::<Probe>(Phase::Install).unwrap_err().code
}

fn run_code(act: &str) -> ErrorCode {
    host(act).run::<Probe>(Phase::Install).unwrap_err().code
}

#[test]
fn wishes_are_read_back() {
    let planned = host("wishes").plan::<Probe>(Phase::Install).unwrap();
    assert_eq!(planned.package_names(), ["linux-image-amd64"]);
    assert_eq!(planned.services, [("ssh.service".to_owned(), UnitState::Enabled)]);
    assert_eq!(planned.units[0].0, "probe.service");
    assert_eq!(planned.users[0].name, "debian");
    let planned = host("more wishes").plan::<Probe>(Phase::Install).unwrap();
    assert_eq!(planned.answers[0].question, "linux-image-amd64/b");
    assert!(planned.deb_repositories[0].build_only);
    assert_eq!(planned.rpm_repositories[0].url, "https://packages.example/x");
    assert_eq!(planned.modules[0].stream, "20");
    assert_eq!(planned.drop_ins[0].name, "10-more");
    assert_eq!(planned.presets, [Preset::new(90, "*.service", PresetAction::Disable)]);
    assert_eq!(planned.users[0].sudo, Some(Sudo::Nopasswd));
}

#[test]
fn what_was_not_requested_is_denied() {
    for act in ["package", "service", "unit", "user", "proxy", "bootstrap", "observed"] {
        assert_eq!(plan_code(act), ErrorCode::Denied, "{act}");
    }
    for act in ["answer", "elsewhere", "rpm elsewhere", "stream", "group", "drop-in", "preset"] {
        assert_eq!(plan_code(act), ErrorCode::Denied, "{act}");
    }
    assert_eq!(plan_code("sudo"), ErrorCode::Denied);
    for act in ["outside", "read-only", "network", "other", "emit-other", "planned"] {
        assert_eq!(run_code(act), ErrorCode::Denied, "{act}");
    }
}

#[test]
fn what_was_not_declared_is_refused() {
    for act in ["undeclared", "unread"] {
        assert_eq!(plan_code(act), ErrorCode::Undeclared, "{act}");
    }
    let phase = host("wishes").plan::<Probe>(Phase::Root).unwrap_err();
    assert_eq!(phase.to_string(), "`dibhost-element-sdk` declares no step `root`");
    let only = host("add").run::<Probe>(Phase::BlockDevice).unwrap_err();
    assert_eq!(only.to_string(), "the step `block-device` of `dibhost-element-sdk` only plans");
    let parameter = host("wishes").parameter("axt", "x").plan::<Probe>(Phase::Install);
    assert_eq!(parameter.unwrap_err().to_string(), "`dibhost-element-sdk` has no parameter `axt`");
}

#[test]
fn facts_stay_for_the_next_element() {
    let mut host = host("fact");
    let planned = host.plan::<Probe>(Phase::Install).unwrap();
    let provided = planned.provided::<KernelArgument>();
    assert_eq!(provided[0].argument, "quiet");

    #[derive(Parameters)]
    struct Reader;
    impl Element for Reader {
        fn describe() -> Description {
            Description::new("reader", "1.0.0")
                .step(Step::new(Phase::Install).consumes::<KernelArgument>())
        }

        fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
            for fact in plan.consume::<KernelArgument>()? {
                plan.warn(format!("{} {} {}", fact.provider, fact.key, fact.value.argument));
            }
            Ok(())
        }
    }
    host.forget_parameters();
    let mut host = host.fact("aaa", "z", &KernelArgument { argument: "b".into(), reason: None });
    let read = host.plan::<Reader>(Phase::Install).unwrap();
    let lines: Vec<&str> = read.findings.iter().map(|f| &*f.message).collect();
    assert_eq!(lines, ["aaa z b", "dibhost-element-sdk a quiet"]);
}

#[test]
fn the_same_key_takes_one_value() {
    assert_eq!(plan_code("same"), ErrorCode::Conflict);
}

#[test]
fn nodes_stand_on_nodes() {
    let mut good = host("add");
    assert_eq!(good.plan::<Probe>(Phase::BlockDevice).unwrap().nodes.len(), 2);
    for (act, code) in [("twice", ErrorCode::Conflict), ("nowhere", ErrorCode::NotFound)] {
        assert_eq!(host(act).plan::<Probe>(Phase::BlockDevice).unwrap_err().code, code);
    }
    let mut seen = host("seen").nodes([Node::disk("disk0")]);
    assert_eq!(seen.plan::<Probe>(Phase::BlockDevice).unwrap().nodes, [Node::disk("disk0")]);
}

#[test]
fn the_tree_is_changed_as_a_real_one() {
    let mut host = host("write");
    let ran = host.run::<Probe>(Phase::Install).unwrap();
    assert_eq!(ran.changes.len(), 6);
    assert_eq!(host.text("/etc/probe/moved/file"), "text and more");
    assert_eq!(host.text("/etc/probe/copy"), "text and more");
    let stat = host.stat("/etc/probe/copy").unwrap();
    assert_eq!((stat.mode, stat.uid, stat.gid), (0o600, 34, 7));
    assert_eq!(host.stat("/etc/probe/moved").unwrap().mode, 0o700);
    assert_eq!(host.stat("/etc/probe/link").unwrap().link_target.as_deref(), Some("deep/file"));
}

#[test]
fn a_batch_happens_as_a_whole_or_not_at_all() {
    let mut host = host("half");
    assert_eq!(host.run::<Probe>(Phase::Install).unwrap_err().code, ErrorCode::NotFound);
    assert!(!host.exists("/etc/probe"));
}

#[test]
fn a_link_out_of_the_scope_is_judged_by_where_it_leads() {
    let mut host = host("through").symlink("/etc/probe/link", "/etc");
    let error = host.run::<Probe>(Phase::Install).unwrap_err();
    assert_eq!(error.code, ErrorCode::Denied);
    assert!(error.message.contains("/etc/passwd"), "{error}");
}

#[test]
fn reading_follows_links_and_says_what_is_not_there() {
    host("read").run::<Probe>(Phase::Install).unwrap();
    host("walk").run::<Probe>(Phase::Install).unwrap();
    let error = host("missing").run::<Probe>(Phase::Install).unwrap_err();
    assert_eq!(
        error.to_string(),
        "running `install` of `dibhost-element-sdk`: looking: `/usr/lib/nothing` does not exist"
    );
}

#[test]
fn programs_answer_as_scripted() {
    let mut ok = host("exec");
    let ran = ok.run::<Probe>(Phase::Install).unwrap();
    assert_eq!(ran.commands[0].env, [("A".to_owned(), "b".to_owned())]);
    assert_eq!(ran.log[0].1, "fine");
    assert_eq!(ok.text("/etc/ran"), "1");
    assert_eq!(run_code("fail"), ErrorCode::ExitStatus(3));
    assert_eq!(run_code("absent"), ErrorCode::NotFound);
    host("may-fail").run::<Probe>(Phase::Install).unwrap();
    let emitted = host("emit").run::<Probe>(Phase::Install).unwrap();
    assert_eq!(emitted.outputs, [("sums.txt".to_owned(), b"0".to_vec())]);
}

#[test]
fn an_outcome_is_told() {
    let ran = host("because").run::<Probe>(Phase::Install).unwrap();
    assert_eq!(ran.outcome, Outcome::Skipped("because".to_owned()));
}

/// Fetches what its parameter says.
#[derive(Parameters)]
struct Fetching {
    /// What.
    what: String,
}

const FILE: &str = "https://example.org:8443/tool.tar";
const REPOSITORY: &str = "https://example.org/tool.git";
const DIGEST: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";

impl Element for Fetching {
    fn describe() -> Description {
        description!()
            .step(Step::new(Phase::Install))
            .request("fetch", "example.org", "it is there")
            .request("rootfs", "write /opt", "to put it there")
    }

    fn run_install(&self, run: &Run<'_>) -> Result<Outcome> {
        let tree = run.rootfs()?;
        match &*self.what {
            "archive" => tree.unpack(&run.fetch(FILE, DIGEST)?, "/opt/tool", 1)?,
            "commit" => tree.unpack(&run.fetch_commit(REPOSITORY, &"1".repeat(40))?, "/opt", 0)?,
            "branch" => drop(run.fetch_commit(REPOSITORY, "main")?),
            "unpinned" => drop(run.fetch_unpinned(FILE)?),
            "elsewhere" => drop(run.fetch("https://elsewhere.example/x", DIGEST)?),
            "other" => drop(run.fetch(FILE, &DIGEST.replace('1', "2"))?),
            _ => {
                let blob = run.fetch(FILE, DIGEST)?;
                assert_eq!((blob.digest()?, blob.size()?), (DIGEST.to_owned(), 10));
                assert_eq!(blob.read_text()?, "an archive");
                tree.place(&blob, "/opt/file")?;
            }
        }
        Ok(Outcome::Done)
    }
}

#[test]
fn what_is_outside_is_fetched_by_its_digest_from_hosts_that_are_requested() {
    let run = |what: &str| {
        let files = [("tool-1/bin/tool", "tool"), ("tool-1/README", "read me")];
        let mut host = TestHost::new()
            .parameter("what", what)
            .directory("/opt")
            .outside_archive(FILE, DIGEST, files)
            .outside_commit(REPOSITORY, &"1".repeat(40), [("file", "of a commit")])
            .outside_commit(REPOSITORY, "main", [("file", "of a branch")]);
        let code = host.run::<Fetching>(Phase::Install).err().map(|e| e.code.clone());
        (host, code)
    };
    assert_eq!(run("archive").0.text("/opt/tool/bin/tool"), "tool");
    assert_eq!(run("archive").0.text("/opt/tool/README"), "read me");
    assert_eq!(run("commit").0.text("/opt/file"), "of a commit");
    assert_eq!(run("file").0.text("/opt/file"), "an archive");
    for what in ["branch", "unpinned", "elsewhere"] {
        assert_eq!(run(what).1, Some(ErrorCode::Denied), "{what}");
    }
    assert_eq!(run("other").1, Some(ErrorCode::Integrity));
}
