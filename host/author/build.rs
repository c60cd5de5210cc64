//! Puts the kit into the program: the contract, the SDKs and the templates, as files with their
//! bytes, so that no author needs the repository and nothing has to be found at run time.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Where a folder of the kit comes from, below the top of the repository.
const FOLDERS: [(&str, &str); 7] = [
    ("wit", "wit"),
    ("rust/element-sdk/src", "element-sdk/src"),
    ("rust/element-sdk/derive", "element-sdk/derive"),
    ("rust/element-sdk/wit", "wit"),
    ("python", "element-sdk/python"),
    ("javascript", "element-sdk/javascript"),
    ("c", "element-sdk/c"),
];

const FILES: [(&str, &str); 2] = [
    ("rust/element-sdk/Cargo.toml", "element-sdk/Cargo.toml"),
    ("rust/element-sdk/README.md", "element-sdk/README.md"),
];

/// What tools leave beside sources.
const LEFT_OVER: [&str; 7] = [
    "target",
    "node_modules",
    "__pycache__",
    "tests",
    "test",
    "build",
    "dibhost_element_sdk.egg-info",
];

fn main() -> io::Result<()> {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let top = here.join("../..");
    let mut kit = Vec::new();
    for (name, from) in FOLDERS {
        collect(&top.join(from), name, &LEFT_OVER, &mut kit)?;
    }
    for (name, from) in FILES {
        kit.push((name.to_owned(), top.join(from)));
    }
    kit.sort();
    let mut templates = Vec::new();
    collect(&here.join("templates"), "", &[], &mut templates)?;
    templates.sort();

    let mut text = String::new();
    for (name, files) in [("KIT", kit), ("TEMPLATES", templates)] {
        let _ = writeln!(text, "/// Path, bytes.\npub(crate) static {name}: &[(&str, &[u8])] = &[");
        for (path, from) in files {
            println!("cargo::rerun-if-changed={}", from.display());
            let from = fs::canonicalize(&from)?;
            let _ =
                writeln!(text, "    ({path:?}, include_bytes!({:?})),", from.display().to_string());
        }
        text.push_str("];\n");
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(out.join("files.rs"), text)
}

fn collect(
    folder: &Path,
    name: &str,
    without: &[&str],
    files: &mut Vec<(String, PathBuf)>,
) -> io::Result<()> {
    println!("cargo::rerun-if-changed={}", folder.display());
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let file = entry.file_name().to_string_lossy().into_owned();
        if without.contains(&file.as_str()) {
            continue;
        }
        let below = if name.is_empty() { file } else { format!("{name}/{file}") };
        if fs::metadata(entry.path())?.is_dir() {
            collect(&entry.path(), &below, without, files)?;
        } else {
            files.push((below, entry.path()));
        }
    }
    Ok(())
}
