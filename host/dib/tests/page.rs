//! The tables of `docs/from-diskimage-builder.md` are those that the program answers by.
//! `DIBHOST_GOLDEN=write` writes them anew.

use std::path::Path;

use dibhost_dib::words::tables;

const BEGIN: &str = "<!-- The tables below are made by `host/dib/tests/page.rs`. -->\n\n";

#[test]
fn the_page_says_what_the_program_does() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/from-diskimage-builder.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, there) = page.split_once(BEGIN).expect("the page has a mark before its tables");
    if std::env::var_os("DIBHOST_GOLDEN").is_some_and(|v| v == "write") {
        std::fs::write(&path, format!("{before}{BEGIN}{}", tables())).unwrap();
        return;
    }
    assert!(there == tables(), "`make golden` writes the tables of {} anew", path.display());
}
