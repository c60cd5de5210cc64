//! What `fuzz/` fuzzes of the TOML, by the harness that needs no nightly.

#[path = "../../../fuzz/functions/block_device_toml.rs"]
mod function;

#[test]
fn block_device_toml() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/block_device_toml");
    dibhost_arbitrary::feed(corpus.as_ref(), 5_000, function::block_device_toml);
}
