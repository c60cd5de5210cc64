//! `docs/most-used-elements.md` says of no element something else than the program answers.

use std::path::Path;

use dibhost_dib::words::{Here, element};

#[test]
fn what_is_said_of_elements_that_people_use_is_what_the_program_answers() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = std::fs::read_to_string(top.join("docs/most-used-elements.md")).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix('|')).skip(2);
    let mut seen = 0;
    for row in rows {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, name, _, here, ""] = cells[..] else { panic!("{row}") };
        let name = name.trim_matches('`');
        let answer = element(name).unwrap_or_else(|| panic!("DIB has no `{name}`")).here;
        let says = |word: &str| here.starts_with(word);
        // By the first word: what is refused is refused, and what is another element is that one.
        match answer {
            Here::Same => {
                assert!(here.contains(&format!("[{name}](catalogue.md#{name})")), "{row}")
            }
            Here::Is(other) => {
                assert!(here.contains(&format!("[{other}](catalogue.md#{other})")), "{row}");
            }
            Here::User => assert!(says("the definition: `[[users]]`"), "{row}"),
            Here::Fate(fate) => {
                let text = fate.to_string();
                let (word, _) = text.split_once(':').unwrap();
                assert_eq!(word == "not yet", says("not yet: "), "{row}: {text}");
                assert_eq!(word == "write instead", says("write instead "), "{row}: {text}");
            }
        }
        seen += 1;
    }
    assert!(seen > 50, "{seen} rows");
}
