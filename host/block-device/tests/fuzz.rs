//! What `fuzz/` fuzzes, by the harness that needs no nightly: the corpus and inputs of a fixed seed.

#[path = "../../../fuzz/functions/dib_yaml.rs"]
mod dib_yaml;
#[path = "../../../fuzz/functions/signature.rs"]
mod signature;

#[test]
fn dib_yaml() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/dib_yaml");
    dibhost_arbitrary::feed(corpus.as_ref(), 3_000, dib_yaml::dib_yaml);
}

#[test]
fn signature() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/signature");
    dibhost_arbitrary::feed(corpus.as_ref(), 5_000, signature::signature);
}
