//! Compiles in which elements are shipped with this host: `sha256:… NAME` lines of the file that
//! `DIBHOST_FIRST_PARTY` names, written when the elements were built. Without it nothing is
//! first-party, and every element needs its grants written out.

use std::{env, fs, path::PathBuf};

fn main() {
    println!("cargo::rerun-if-env-changed=DIBHOST_FIRST_PARTY");
    let mut table = String::from("&[\n");
    if let Some(path) = env::var_os("DIBHOST_FIRST_PARTY").map(PathBuf::from) {
        println!("cargo::rerun-if-changed={}", path.display());
        let text = fs::read_to_string(&path)
            .unwrap_or_else(|e| panic!("reading DIBHOST_FIRST_PARTY, {}: {e}", path.display()));
        for line in text.lines() {
            let (digest, name) = line
                .split_once(' ')
                .unwrap_or_else(|| panic!("{}: `{line}` is not `DIGEST NAME`", path.display()));
            table += &format!("    ({digest:?}, {:?}),\n", name.trim());
        }
    }
    table += "]\n";
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    fs::write(out.join("first_party.rs"), table).expect("writing first_party.rs");
}
