//! What `fuzz/` fuzzes, by the harness that needs no nightly: the corpus and inputs of a fixed seed.

#[path = "../../../fuzz/functions/readback.rs"]
mod readback;
#[path = "../../../fuzz/functions/signature.rs"]
mod signature;

#[test]
fn signature() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/signature");
    dibhost_arbitrary::feed(corpus.as_ref(), 5_000, signature::signature);
}

#[test]
fn readback() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/readback");
    // What is mutated are filesystems that are read to their end.
    for file in std::fs::read_dir(corpus).unwrap() {
        let path = file.unwrap().path();
        let names = readback::whole(&std::fs::read(&path).unwrap());
        assert!(names.is_some_and(|names| names > 60), "{}: {names:?}", path.display());
    }
    dibhost_arbitrary::feed(corpus.as_ref(), 3_000, readback::readback);
}
