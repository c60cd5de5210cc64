//! What `wit-bindgen` makes of the contract. Private: authors see the Rust face of it.
#![allow(
    unsafe_code,
    missing_docs,
    unreachable_pub,
    clippy::all,
    reason = "generated; the only way a component reaches its imports is the foreign-function interface"
)]

#[cfg(target_arch = "wasm32")]
wit_bindgen::generate!({
    path: "wit",
    world: "element",
    pub_export_macro: true,
    default_bindings_module: "dibhost_element_sdk::__private::bindings",
    export_macro_name: "export_component",
});

// The types alone, which are compared with those of a record. Nothing calls the functions.
#[cfg(not(target_arch = "wasm32"))]
wit_bindgen::generate!({
    path: "wit",
    world: "element",
    additional_derives: [serde::Serialize, serde::Deserialize],
});
