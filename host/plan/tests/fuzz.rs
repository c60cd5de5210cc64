//! What `fuzz/` fuzzes, by the harness that needs no nightly: the corpus and inputs of a fixed seed.

#[path = "../../../fuzz/functions/description.rs"]
mod description;
#[path = "../../../fuzz/functions/slot_schema.rs"]
mod slot_schema;

#[test]
fn description() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/description");
    dibhost_arbitrary::feed(corpus.as_ref(), 500, description::description);
}

#[test]
fn slot_schema() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/slot_schema");
    dibhost_arbitrary::feed(corpus.as_ref(), 1_000, slot_schema::slot_schema);
}
