//! What `fuzz/` fuzzes, by the harness that needs no nightly: the corpus and inputs of a fixed seed.

#[path = "../../../fuzz/functions/block_device_toml.rs"]
mod block_device_toml;
#[path = "../../../fuzz/functions/dib_yaml.rs"]
mod dib_yaml;

#[test]
fn dib_yaml() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/dib_yaml");
    dibhost_arbitrary::feed(corpus.as_ref(), 3_000, dib_yaml::dib_yaml);
}

#[test]
fn block_device_toml() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/block_device_toml");
    dibhost_arbitrary::feed(corpus.as_ref(), 5_000, block_device_toml::block_device_toml);
}
