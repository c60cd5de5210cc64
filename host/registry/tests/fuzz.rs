//! What `fuzz/` fuzzes, by the harness that needs no nightly: the corpus and inputs of a fixed seed.

#[path = "../../../fuzz/functions/oci_layout.rs"]
mod oci_layout;

#[path = "../../../fuzz/functions/oci_manifest.rs"]
mod oci_manifest;

#[path = "../../../fuzz/functions/trust_bundle.rs"]
mod trust_bundle;

#[path = "../../../fuzz/functions/trust_policy.rs"]
mod trust_policy;

#[test]
fn oci_layout() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/oci_layout");
    dibhost_arbitrary::feed(corpus.as_ref(), 3_000, oci_layout::oci_layout);
}

#[test]
fn oci_manifest() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/oci_manifest");
    dibhost_arbitrary::feed(corpus.as_ref(), 5_000, oci_manifest::oci_manifest);
}

#[test]
fn trust_bundle() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/trust_bundle");
    dibhost_arbitrary::feed(corpus.as_ref(), 3_000, trust_bundle::trust_bundle);
}

#[test]
fn trust_policy() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/trust_policy");
    dibhost_arbitrary::feed(corpus.as_ref(), 5_000, trust_policy::trust_policy);
}
