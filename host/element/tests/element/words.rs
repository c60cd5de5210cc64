//! Words and extensions that this host does not know.

use super::*;

/// What a build is told of `x`, planned alone.
fn findings(bench: &Bench) -> Result<Vec<String>, String> {
    let text = "[image]\nname = \"x\"\nelements = [\"./x.wasm\"]\n";
    let definition = Definition::parse(text, "image.toml", bench.folder.path()).unwrap();
    let inputs = PlanInputs::for_arch("amd64");
    let plan = dibhost_plan::plan(&definition, &bench.library(), &inputs);
    let findings = plan.map_err(|wrong| wrong.to_string())?.findings;
    Ok(findings.into_iter().filter(|f| f.element.is_some()).map(|f| f.message).collect())
}

#[test]
fn an_extension_that_nobody_knows_is_told_in_the_plan() {
    let mut guest = Guest::new("x")
        .provides(("x:y/z@1", 2, 0, Some("{}")))
        .consumes("dib:boot/kernel-argument@1");
    guest.steps[0].extension = Some("speed");
    let bench = Bench::with(&guest);
    let told = findings(&bench).unwrap();
    assert_eq!(
        told,
        [
            "`x` says `speed` of its slot `x:y/z@1`, which this host does not know and does without",
            "`x` says `speed` of its step `install`, which this host does not know and does without",
            "`x` says `speed` of its use of the slot `dib:boot/kernel-argument@1`, which this host does not know and does without",
        ]
    );
}

#[test]
fn an_extension_of_a_wish_is_told_once_and_one_that_insists_is_refused() {
    let saying = |key: &'static str| {
        Guest::new("x").requests("packages", "vim").plan(move |m| {
            let one = m.request_package_saying("vim", "install", Some(key));
            one.clone() + &one
        })
    };
    let held = grants(&[("packages", "vim")]);
    let bench = Bench::with(&saying("colour"));
    let planned = bench.plan("x", &held).unwrap();
    assert_eq!(planned.wishes.len(), 2);
    let told: Vec<&str> = planned.findings.iter().map(|f| f.message.as_str()).collect();
    assert_eq!(
        told,
        ["it says `colour` of the package `vim`, which this host does not know and does without"]
    );
    let failure = Bench::with(&saying("!colour")).plan("x", &held).unwrap_err();
    assert_eq!(failure.message, "this host does not know `!colour`, which the element insists on");
    let mut insists = Guest::new("x").provides(("x:y/z@1", 2, 0, Some("{}")));
    insists.steps[0].extension = Some("!speed");
    let failure = Bench::with(&insists).library().describe("x", Path::new("/")).unwrap_err();
    assert!(failure.message.contains("does not know `!speed`"), "{}", failure.message);
}

#[test]
fn an_extension_of_a_file_is_told_while_the_step_runs() {
    let saying = |key: &'static str| {
        Guest::new("x")
            .requests("rootfs", "write /")
            .run(move |m| m.write_file_saying("/motd", "x", Some(key)))
    };
    let held = grants(&[("rootfs", "write /")]);
    let bench = Bench::with(&saying("colour"));
    let (mut target, mut heard) = (target(), Heard::default());
    bench.run_on("x", &held, &mut target, &mut heard).unwrap();
    let told = "it says `colour` of `/motd`, which this host does not know and does without";
    assert_eq!(heard.log, [(Level::Warn, told.to_owned())]);
    let failure = Bench::with(&saying("!colour")).run("x", &held).unwrap_err();
    assert!(failure.message.contains("does not know `!colour`"), "{}", failure.message);
}

#[test]
fn a_word_that_this_host_does_not_know_is_refused_with_those_it_knows() {
    let guest = Guest::new("x")
        .requests("packages", "vim")
        .plan(|m| m.request_package_saying("vim", "freeze", None));
    let failure = Bench::with(&guest).plan("x", &grants(&[("packages", "vim")])).unwrap_err();
    assert_eq!(
        failure.message,
        "`freeze` is no wish for a package: this host knows `install`, `build-only`, `remove` and `hold`"
    );
}
