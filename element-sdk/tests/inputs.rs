//! Inputs and files that are wished for, on the host in memory.

use dibhost_element_sdk::{
    Description, Element, ErrorCode, File, FileNode, Kind, Outcome, Parameters, Phase, Placement,
    Plan, Result, Run, Step, TestHost, description,
};

/// Places what its parameter names.
#[derive(Parameters)]
struct Placer {
    /// Which input.
    source: String,
    /// Where.
    #[parameter(default = "/srv")]
    to: String,
}

impl Element for Placer {
    fn describe() -> Description {
        description!()
            .step(Step::new(Phase::Install))
            .request("inputs", "parameter source", "to place it")
            .request("rootfs", "write /srv", "to place it there")
            .request("rootfs", "write /etc/listing", "to tell what it placed")
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        let input = plan.input(&self.source)?;
        let about = input.about()?;
        let text = match about.kind {
            Kind::File => input.read_text("")?,
            _ => input.nodes()?.iter().map(|node| format!("{}\n", node.path)).collect(),
        };
        plan.file("/etc/listing", text)?;
        plan.files([File::directory("/srv/private").mode(0o700).owner("www", "www")])
    }

    fn run_install(&self, run: &Run<'_>) -> Result<Outcome> {
        let (input, tree) = (run.input(&self.source)?, run.rootfs()?);
        tree.place_input(&input, &self.to)?;
        if input.about()?.kind == Kind::Directory {
            let placement = Placement {
                source: Some("bin".to_owned()),
                file_mode: Some(0o755),
                ..Placement::default()
            };
            tree.place_input_as(&input, "/srv/programs", placement)?;
        }
        Ok(Outcome::Done)
    }
}

fn folder() -> TestHost {
    TestHost::new()
        .input_file("site", "private/motd", "hello")
        .input_file("site", "bin/run", "#!/bin/sh\n")
        .input("one", "content")
}

#[test]
fn a_folder_is_placed_and_what_is_wished_for_is_there_before() {
    let mut host = folder().parameter("source", "site");
    let planned = host.plan::<Placer>(Phase::Install).unwrap();
    assert_eq!(planned.files[0].text(), Some("bin\nbin/run\nprivate\nprivate/motd\n"));
    assert_eq!(planned.files[1].node, FileNode::Directory);
    assert_eq!(host.text("/etc/listing"), "bin\nbin/run\nprivate\nprivate/motd\n");
    host.run::<Placer>(Phase::Install).unwrap();
    assert_eq!(host.text("/srv/private/motd"), "hello");
    // A folder that is there stays as it is.
    assert_eq!(host.stat("/srv/private").unwrap().mode, 0o700);
    assert_eq!(host.stat("/srv/bin/run").unwrap().mode, 0o644);
    assert_eq!(host.stat("/srv/programs/run").unwrap().mode, 0o755);
}

#[test]
fn a_file_is_placed_as_the_path_itself() {
    let mut host = folder().parameter("source", "one").parameter("to", "/srv/file");
    host.plan::<Placer>(Phase::Install).unwrap();
    host.run::<Placer>(Phase::Install).unwrap();
    assert_eq!(host.text("/srv/file"), "content");
    assert_eq!(host.text("/etc/listing"), "content");
}

#[test]
fn what_was_not_requested_or_is_not_there_is_refused() {
    let error = folder().parameter("source", "none").run::<Placer>(Phase::Install).unwrap_err();
    assert_eq!(error.code, ErrorCode::NotFound);
    let mut out = folder().parameter("source", "one").parameter("to", "/etc/passwd");
    assert_eq!(out.run::<Placer>(Phase::Install).unwrap_err().code, ErrorCode::Denied);
    assert!(!out.exists("/etc/passwd"));

    #[derive(Parameters)]
    struct Sly;
    impl Element for Sly {
        fn describe() -> Description {
            description!()
                .step(Step::planning(Phase::Install))
                .request("inputs", "other", "another one")
                .request("rootfs", "write /srv", "to write there")
        }

        fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
            assert_eq!(plan.input("one").unwrap_err().code, ErrorCode::Denied);
            assert_eq!(plan.file("/etc/motd", "x").unwrap_err().code, ErrorCode::Denied);
            let climbs = plan.file("/srv/../etc/motd", "x").unwrap_err();
            assert_eq!(climbs.code, ErrorCode::InvalidArgument);
            plan.files([
                File::symlink("/srv/link", "to"),
                File::new("/srv/x", "1").mode(0o600).xattr("user.a", *b"b"),
                File::removed("/srv/link"),
            ])
        }
    }
    let mut host = folder();
    let planned = host.plan::<Sly>(Phase::Install).unwrap();
    assert_eq!(planned.files.len(), 3);
    assert_eq!(host.stat("/srv/x").unwrap().mode, 0o600);
    assert!(!host.exists("/srv/link"));
}

/// Wishes for all of an input.
#[derive(Parameters)]
struct Wisher {
    /// Which input.
    source: String,
}

impl Element for Wisher {
    fn describe() -> Description {
        description!()
            .step(Step::planning(Phase::Install))
            .request("inputs", "parameter source", "to wish for it")
            .request("rootfs", "write /srv", "to have it there")
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        plan.files(plan.input(&self.source)?.files("/srv/")?)
    }
}

#[test]
fn all_of_an_input_can_be_wished_for() {
    let mut host = folder().parameter("source", "site");
    let planned = host.plan::<Wisher>(Phase::Install).unwrap();
    let paths: Vec<_> = planned.files.iter().map(|file| file.path.as_str()).collect();
    // Folders are made for what is in them.
    assert_eq!(paths, ["/srv/bin/run", "/srv/private/motd"]);
    assert_eq!(planned.files[0].attributes.mode, Some(0o644));
    let mut host = folder().parameter("source", "one");
    host.plan::<Wisher>(Phase::Install).unwrap();
    assert_eq!(host.text("/srv"), "content");
}
