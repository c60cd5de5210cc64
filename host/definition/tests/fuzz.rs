//! What `fuzz/` fuzzes, by the harness that needs no nightly: the corpus and inputs of a fixed seed.

#[path = "../../../fuzz/functions/definition.rs"]
mod definition;

#[test]
fn definition() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/definition");
    dibhost_arbitrary::feed(corpus.as_ref(), 1_000, definition::definition);
}
