//! Words that people write, and those that they meant.

use std::collections::BTreeSet;

/// The word of `known` that was probably meant by `word`; the first of several that are as near.
#[must_use]
pub fn closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    nearest(word, known).into_iter().next()
}

/// The words of `known` that are nearest to `word`, if any is near enough, in order.
fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    // A third of the word may be wrong: `elemnts`, `amd46`, `qcow`; `x` is near to nothing.
    let limit = (word.chars().count() / 3).clamp(1, 4);
    let mut near: Vec<(usize, &str)> = known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| {
            *distance <= limit && *distance < candidate.chars().count().max(2) - 1
                || (word.len() >= 4 && candidate.starts_with(word))
                || same_letters(word, candidate)
        })
        .collect();
    near.sort_unstable();
    near.dedup();
    let least = near.first().map_or(0, |(distance, _)| *distance);
    near.into_iter().take_while(|(distance, _)| *distance == least).map(|(_, word)| word).collect()
}

/// Words so short that any letter makes another one are near where they have the same letters:
/// `mv` and `vmm` are `vm`, and `wm` is not.
fn same_letters(word: &str, candidate: &str) -> bool {
    let letters = |word: &str| word.chars().collect::<BTreeSet<char>>();
    candidate.chars().count() == 2
        && (2..=3).contains(&word.chars().count())
        && letters(word) == letters(candidate)
}

/// ``did you mean `x`?``, when something near is known; of several that are as near, each.
#[must_use]
pub fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    // More than three are a list, and no guess.
    let near = nearest(word, known);
    let near: Vec<String> = near.iter().take(3).map(|word| format!("`{word}`")).collect();
    (!near.is_empty()).then(|| format!("did you mean {}?", near.join(" or ")))
}

/// `` `a`, `b` and `c` ``, for sentences.
pub fn quoted_list<S: AsRef<str>>(words: impl IntoIterator<Item = S>) -> String {
    let words: Vec<String> = words.into_iter().map(|w| format!("`{}`", w.as_ref())).collect();
    match words.as_slice() {
        [] => "none".to_owned(),
        [only] => only.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let known = ["elements", "name", "formats", "vm", "debian-minimal"];
        for (word, meant) in [
            ("elemnts", Some("elements")),
            ("nmae", Some("name")),
            ("format", Some("formats")),
            ("debian", Some("debian-minimal")),
            ("wm", None),
            ("vmm", Some("vm")),
            ("mv", Some("vm")),
            ("kernel", None),
            ("", None),
        ] {
            assert_eq!(closest(word, known), meant, "{word}");
        }
    }

    #[test]
    fn words_that_are_as_near_are_all_asked_for() {
        let known = ["uid", "gid", "group"];
        assert_eq!(did_you_mean("id", known).unwrap(), "did you mean `gid` or `uid`?");
        assert_eq!(did_you_mean("uidd", known).unwrap(), "did you mean `uid`?");
        assert_eq!(did_you_mean("shell", known), None);
    }
}
