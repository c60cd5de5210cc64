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
        "dib:element/host.build": crate::interface::host::Build,
        "dib:element/host.secret": crate::interface::host::Secret,
        "dib:element/log.span": crate::interface::log::Span,
        "dib:element/blobs.blob": crate::interface::blobs::Blob,
        "dib:element/rootfs.tree": crate::interface::rootfs::Tree,
    },
});
