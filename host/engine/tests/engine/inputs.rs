//! Inputs: those that a plan was made with, and no others.

use std::path::Path;

use dibhost_inputs::{Inputs, Known};
use dibhost_plan::PlannedInput;

use crate::bench::Bench;

fn inputs(path: &Path) -> Inputs {
    Inputs::open([("site", path)], &mut Known::default())
}

#[test]
fn an_input_that_is_another_one_than_was_planned_ends_the_build_before_it_begins() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "one").unwrap();
    let mut bench = Bench::new();
    bench.inputs = inputs(&file);
    bench.plan.inputs = vec![PlannedInput {
        name: "site".to_owned(),
        path: "file".to_owned(),
        digest: bench.inputs.get("site").unwrap().manifest().digest().to_owned(),
        nodes: None,
        size: 3,
        given_to: Vec::new(),
    }];
    bench.build().ok();
    std::fs::write(&file, "two").unwrap();
    for now in [inputs(&file), Inputs::default()] {
        bench.inputs = now;
        let built = bench.build();
        assert_eq!(
            built.failure().to_string(),
            "the input `site` changed since the image was planned\n  while looking whether the \
             inputs are as they were planned\n  help: start again: the image is planned with what \
             is there now"
        );
        assert!(built.calls.is_empty() && built.files.is_empty());
    }
}
