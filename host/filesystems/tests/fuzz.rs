//! What `fuzz/` fuzzes, by the harness that needs no nightly: the corpus and inputs of a fixed seed.

#[path = "../../../fuzz/functions/signature.rs"]
mod signature;

#[test]
fn signature() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/signature");
    dibhost_arbitrary::feed(corpus.as_ref(), 5_000, signature::signature);
}
