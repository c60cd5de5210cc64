//! What `fuzz/` fuzzes, by the harness that needs no nightly: the corpus and inputs of a fixed seed.

#[path = "../../../fuzz/functions/repomd.rs"]
mod repomd;

#[path = "../../../fuzz/functions/rpm_said.rs"]
mod rpm_said;

#[test]
fn repomd() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/repomd");
    dibhost_arbitrary::feed(corpus.as_ref(), 5_000, repomd::repomd);
}

#[test]
fn rpm_said() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/rpm_said");
    dibhost_arbitrary::feed(corpus.as_ref(), 5_000, rpm_said::rpm_said);
}
