//! The element on the answers of a real host, which `make records` wrote; and what is told of an
//! element that does otherwise.

use dibhost_element_sdk::{
    Change, Description, Element, Ending, Outcome, Parameters, Phase, Result, Run, TestHost,
};
use sysprep::Sysprep;

const RECORD: &str = "tests/cleanup.json";

#[test]
fn it_does_what_it_did_on_a_real_tree() {
    let replayed = TestHost::replay::<Sysprep>(RECORD).unwrap();
    assert_eq!(replayed.phase, Phase::Cleanup);
    assert_eq!(replayed.ending, Ending::Done);
    assert!(replayed.calls > 20, "{} calls", replayed.calls);
    // The thread has the host in memory again.
    TestHost::new().run::<Sysprep>(Phase::Cleanup).unwrap();
}

/// Elements of the same name, changed.
macro_rules! changed {
    ($name:ident, |$run:ident| $body:expr) => {
        #[derive(Parameters)]
        struct $name;

        impl Element for $name {
            fn describe() -> Description {
                Sysprep::describe()
            }

            fn run_cleanup(&self, $run: &Run<'_>) -> Result<Outcome> {
                $body
            }
        }
    };
}

changed!(Other, |run| {
    let tree = run.rootfs()?;
    // An element that would rather not know does not get away with it.
    let _ = tree.apply([Change::write("/etc/issue", "mine")]);
    Sysprep.run_cleanup(run)
});
changed!(Less, |run| {
    run.rootfs()?;
    Ok(Outcome::Done)
});
changed!(More, |run| {
    Sysprep.run_cleanup(run)?;
    run.log("one more thing");
    Ok(Outcome::Done)
});
changed!(Otherwise, |run| {
    Sysprep.run_cleanup(run)?;
    Ok(Outcome::Skipped("nothing was left behind".to_owned()))
});

#[test]
fn what_differs_is_told_with_both() {
    let told = |error: dibhost_element_sdk::Error, words: &[&str]| {
        for words in words {
            assert!(error.message.contains(words), "no `{words}` in: {error}");
        }
    };
    told(
        TestHost::replay::<Other>(RECORD).unwrap_err(),
        &[
            "`sysprep` differs from its record at call 2: the record has `rootfs.tree.",
            ", and now it is `rootfs.tree.apply` of {",
            "\"path\":\"/etc/issue\"",
        ],
    );
    told(
        TestHost::replay::<Less>(RECORD).unwrap_err(),
        &[
            "`sysprep` differs from its record at call 2: the record has `rootfs.tree.",
            "and now it is `rootfs.tree.drop`",
        ],
    );
    told(
        TestHost::replay::<More>(RECORD).unwrap_err(),
        &[
            "`sysprep` asks for more than its record has: call ",
            "is `log.write` of {",
            "one more thing",
        ],
    );
    told(
        TestHost::replay::<Otherwise>(RECORD).unwrap_err(),
        &[
            "`sysprep` ends otherwise than its record: it was done, and now it had nothing to do (nothing was left behind)",
        ],
    );
}

#[test]
fn what_is_no_record_of_it_is_refused() {
    let error = TestHost::replay::<Sysprep>("tests/none.json").unwrap_err();
    assert!(error.message.contains("reading the record `tests/none.json`: "), "{error}");
    let other = "../serial-console/tests/install.json";
    let error = TestHost::replay::<Sysprep>(other).unwrap_err();
    assert!(
        error.message.contains("is a record of `serial-console` and not of `sysprep`"),
        "{error}"
    );
    let error = TestHost::replay::<Sysprep>("Cargo.toml").unwrap_err();
    assert!(error.message.contains("`Cargo.toml` is no JSON: "), "{error}");
}
