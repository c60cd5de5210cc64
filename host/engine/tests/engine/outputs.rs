//! What becomes of a finished tree.

use crate::bench::{Bench, putting};

#[test]
fn the_output_lists_the_tree_that_was_built() {
    let built = Bench::full().build().ok();
    let listing = std::fs::read_to_string(built.out.path().join("image.tree")).unwrap();
    for path in ["/srv/first", "/srv/last", "/etc/fstab", "/home/me/.ssh/authorized_keys"] {
        assert!(listing.lines().any(|line| line.ends_with(path)), "{path}: {listing}");
    }
    assert!(!listing.contains("/usr/share/packages/gear"), "{listing}");
    let files: Vec<_> = built.files.iter().map(String::as_str).collect();
    assert_eq!(files, ["image.beside", "image.tree", "image.tree.sha256"]);
    assert!(!built.result.unwrap().timings.is_empty());
}

#[test]
fn one_build_is_like_the_other_for_every_number_of_jobs() {
    let listing = |jobs| {
        let mut bench = Bench::full();
        bench.jobs = jobs;
        let built = bench.build().ok();
        std::fs::read_to_string(built.out.path().join("image.tree")).unwrap()
    };
    let one = listing(1);
    assert!((2..6).all(|jobs| listing(jobs) == one));
}

#[test]
fn two_files_of_one_name_are_refused_and_none_is_there() {
    let mut bench = Bench::full();
    bench.step("twin", dibhost_plan::Phase::Finalise, &[], |_| Ok(putting(".beside", "again")));
    let built = bench.build();
    let said = built.failure().to_string();
    assert!(said.contains("put a file beside the image as `.beside` already"), "{said}");
    assert_eq!(built.failure().element.as_deref(), Some("twin"));
    assert!(built.files.is_empty());
}
