//! The floors of the house: a crate stands above all that it uses.

use std::collections::BTreeSet;

/// From the top down. Crates of one floor know nothing of each other. Some are not built yet.
pub(crate) const FLOORS: [&[&str]; 15] = [
    &["dibhost"],
    &["engine"],
    &["element"],
    &["registry"],
    &["plan"],
    &["definition"],
    &["dib", "packages"],
    &["author", "block-device", "image", "inputs", "machine", "tree"],
    &["filesystems", "layers"],
    &["volumes"],
    &["text"],
    &["sys"],
    &["check"],
    // What fuzzing needs of every crate, beside them all.
    &["arbitrary"],
    // What an author of an element writes against: a house of its own.
    &["element-sdk"],
];

/// How far down a crate stands; none: it is no crate of the house.
pub(crate) fn floor(krate: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&krate))
}

/// Why `from` may not use `to`; none: it may.
pub(crate) fn arrow_up(from: &str, to: &str) -> Option<String> {
    let (Some(above), Some(below)) = (floor(from), floor(to)) else {
        return Some(format!("`{from}` uses `{to}`, and one of them is on no floor: give it one"));
    };
    let sdk = floor("element-sdk");
    if Some(above) == sdk || Some(below) == sdk {
        return Some(format!(
            "`{from}` uses `{to}`: elements and the host share the contract alone"
        ));
    }
    match above.cmp(&below) {
        std::cmp::Ordering::Less => None,
        std::cmp::Ordering::Equal => {
            Some(format!("`{from}` uses `{to}`, which stands beside it: what both need goes below"))
        }
        std::cmp::Ordering::Greater => Some(format!("`{from}` uses `{to}`, which stands above it")),
    }
}

/// What is wrong with a picture of the house: crates that are there and not in it, and lines that
/// are not from the top down. An arrow `a ─► b` goes down; so does the eye from line to line.
pub(crate) fn wrong_in_picture(picture: &str, crates: &BTreeSet<String>) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut drawn = BTreeSet::new();
    let mut lowest = None;
    for line in picture.lines() {
        let mut of_line: Vec<&str> = Vec::new();
        let words = line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
        for word in words.filter(|word| floor(word).is_some()) {
            if drawn.insert(word.to_owned()) {
                of_line.push(word);
            }
        }
        for pair in of_line.windows(2) {
            let arrow = line.split_once(pair[0]).is_some_and(|(_, rest)| {
                rest.split_once(pair[1]).is_some_and(|(between, _)| between.contains('►'))
            });
            if arrow && floor(pair[0]) >= floor(pair[1]) {
                wrong.push(format!(
                    "the picture's arrow {} ─► {} does not go down",
                    pair[0], pair[1]
                ));
            }
        }
        let highest = of_line.iter().filter_map(|word| floor(word).map(|f| (f, *word))).min();
        if let (Some((above, upper)), Some((here, word))) = (lowest, highest)
            && here <= above
        {
            wrong.push(format!("the picture has `{word}` below `{upper}`"));
        }
        let deepest = of_line.iter().filter_map(|word| floor(word).map(|f| (f, *word))).max();
        lowest = lowest.max(deepest);
    }
    let missing = crates.iter().filter(|krate| !drawn.contains(*krate));
    wrong.extend(missing.map(|krate| format!("the picture has no `{krate}`")));
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrows_run_down_and_never_up_or_along_a_floor() {
        for (from, to, may) in [
            ("engine", "plan", true),
            ("packages", "tree", true),
            ("dib", "block-device", true),
            ("tree", "arbitrary", true),
            ("plan", "element", false),
            ("image", "tree", false),
            ("sys", "text", false),
            ("element-sdk", "text", false),
            ("plan", "cellar", false),
        ] {
            assert_eq!(arrow_up(from, to).is_none(), may, "{from} {to}: {:?}", arrow_up(from, to));
        }
        assert_eq!(
            arrow_up("plan", "engine").unwrap(),
            "`plan` uses `engine`, which stands above it"
        );
    }

    #[test]
    fn a_picture_shows_every_crate_from_the_top_down() {
        let crates = |list: &[&str]| list.iter().map(|c| (*c).to_owned()).collect();
        let good = "engine ─► element ─► plan\n  │    │\n image  tree   ground\n sys, check";
        let there = crates(&["engine", "element", "plan", "image", "tree", "sys", "check"]);
        assert_eq!(wrong_in_picture(good, &there), <[String; 0]>::default());
        assert_eq!(wrong_in_picture(good, &crates(&["volumes"])), ["the picture has no `volumes`"]);
        assert_eq!(
            wrong_in_picture("plan ─► element\nsys\ntree", &crates(&[])),
            [
                "the picture's arrow plan ─► element does not go down",
                "the picture has `tree` below `sys`"
            ]
        );
    }
}
