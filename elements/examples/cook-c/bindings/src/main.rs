//! Writes the C bindings of a world of the contract: `c-bindings WIT WORLD FOLDER`.
//!
//! What `wit-bindgen c --world WORLD WIT` writes, with short names: `facts_provide` and not
//! `dib_element_facts_provide`.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use wit_bindgen_c::Opts;
use wit_bindgen_core::Files;
use wit_bindgen_core::wit_parser::{Resolve, WorldItem};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [wit, world, folder] = arguments.as_slice() else {
        bail!("usage: c-bindings WIT WORLD FOLDER");
    };
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(wit).with_context(|| format!("reading {wit}"))?;
    let world = resolve.select_world(&[package], Some(world))?;

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
    Opts { rename: names, ..Opts::default() }.build().generate(&mut resolve, world, &mut files)?;

    std::fs::create_dir_all(folder).with_context(|| format!("making {folder}"))?;
    for (name, content) in files.iter() {
        let path = Path::new(folder).join(name);
        std::fs::write(&path, content).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}
