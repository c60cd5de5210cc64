//! What `bindgen!` makes of `wit/`: types and traits of the world `element`, kept private so that
//! the rest of the host meets plain data only.

#![allow(missing_docs, reason = "generated from WIT, whose comments are the documentation")]

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "element",
    imports: { default: trappable },
    additional_derives: [serde::Serialize, serde::Deserialize],
    trappable_error_type: { "dib:element/types.error" => crate::refusal::Refusal },
    with: {
        "dib:element/host.build": crate::held::handles::Build,
        "dib:element/host.secret": crate::held::handles::Secret,
        "dib:element/log.span": crate::held::log::Span,
        "dib:element/blobs.blob": crate::held::blobs::Blob,
        "dib:element/inputs.input": crate::held::handles::GivenInput,
        "dib:element/rootfs.tree": crate::held::handles::Tree,
    },
});
