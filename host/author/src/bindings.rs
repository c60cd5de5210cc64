//! The C bindings of the contract, and a component of what a linker made: what `wit-bindgen` and
//! `wasm-tools` do, without either being installed.

use std::path::Path;

use wit_bindgen_c::Opts;
use wit_bindgen_core::Files;
use wit_component::ComponentEncoder;
use wit_parser::{Resolve, WorldItem};

use crate::error::AuthorError;
use crate::kit;

/// Writes `element.h`, `element.c` and `element_component_type.o` into a folder, with short names:
/// `facts_provide`, not `dib_element_facts_provide`.
pub(crate) fn write(wit: &Path, into: &Path) -> Result<(), AuthorError> {
    let failed = |why: String| AuthorError::failed(format!("making the C bindings: {why}"));
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(wit).map_err(|e| failed(format!("{e:#}")))?;
    let world =
        resolve.select_world(&[package], Some("element")).map_err(|e| failed(format!("{e:#}")))?;
    let mut names = Vec::new();
    let items = &resolve.worlds[world];
    for (key, item) in items.imports.iter().chain(&items.exports) {
        if let WorldItem::Interface { id, .. } = item
            && let Some(name) = &resolve.interfaces[*id].name
        {
            names.push((resolve.name_world_key(key), name.replace('-', "_")));
        }
    }
    let mut files = Files::default();
    let mut made = Opts { rename: names, ..Opts::default() }.build();
    made.generate(&mut resolve, world, &mut files).map_err(|e| failed(format!("{e:#}")))?;
    files.iter().try_for_each(|(name, content)| kit::write(&into.join(name), content))
}

/// Makes a component of a module that was linked with `element_component_type.o`. It imports what the
/// module calls, and no more.
pub(crate) fn component(module: &[u8]) -> Result<Vec<u8>, AuthorError> {
    let made = ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|encoder| encoder.encode());
    made.map_err(|error| {
        let why = format!("{error:#}");
        let help = if why.contains("wasi_snapshot_preview1") {
            "something of the C library asks WASI for files, time or output, which an element does not have: use `dib_log` for `printf`, and `dib_read` and `dib_write` for files of the image"
        } else {
            "compare the project with a new one: `dibhost element new NAME --lang c`"
        };
        AuthorError::failed(format!("no component can be made of what was linked: {why}")).help(help)
    })
}
