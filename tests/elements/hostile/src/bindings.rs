//! The contract as it is, without the SDK's manners.

wit_bindgen::generate!({
    path: "../../../wit",
    world: "element",
    additional_derives: [serde::Deserialize, Clone],
    additional_derives_ignore: ["walk-flags", "settings", "command", "build", "secret", "span", "blob", "input", "tree"],
});
