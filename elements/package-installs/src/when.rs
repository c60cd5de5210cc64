//! Conditions on variables: `DIB_FEATURE = 1`, `DIB_FEATURE != 1`, and lists of these, of which all
//! have to hold.

use dib_files::yaml::Node;
use std::collections::BTreeMap;

/// Variables by name.
pub(crate) type Variables = BTreeMap<String, String>;

/// Whether it holds.
///
/// # Errors
/// It is none, or asks for a variable that nobody sets.
pub(crate) fn holds(when: &Node, variables: &Variables) -> Result<bool, String> {
    match when {
        Node::Text(text) => one(text, variables),
        Node::List(list) => {
            let mut all = true;
            for condition in list {
                let Node::Text(text) = condition else {
                    return Err("`when` has something else than conditions in its list".to_owned());
                };
                // All are looked at: a mistake in the last one is a mistake.
                all &= one(text, variables)?;
            }
            Ok(all)
        }
        _ => {
            Err("`when` is no condition: write `VARIABLE = value` or `VARIABLE != value`"
                .to_owned())
        }
    }
}

fn one(text: &str, variables: &Variables) -> Result<bool, String> {
    let (name, value, equal) = match (text.split_once("!="), text.split_once('=')) {
        (Some((name, value)), _) => (name.trim(), value.trim(), false),
        (None, Some((name, value))) => (name.trim(), value.trim(), true),
        (None, None) => ("", "", true),
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || !name.chars().all(is_name) {
        return Err(format!(
            "`when: {}` is no condition: write `VARIABLE = value` or `VARIABLE != value`",
            text.escape_debug()
        ));
    }
    match variables.get(name) {
        Some(set) => Ok((set == value) == equal),
        None => Err(format!(
            "`when` asks for `{name}`, which nothing sets: set it in the parameter `environment`"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(when: &str) -> Result<bool, String> {
        let variables = [("A".to_owned(), "1".to_owned()), ("B".to_owned(), "x y".to_owned())];
        holds(&dib_files::yaml::read(when).unwrap(), &variables.into())
    }

    #[test]
    fn conditions_are_about_variables() {
        for (when, so) in [
            ("A = 1", true),
            ("A=1", true),
            ("A = 2", false),
            ("A != 1", false),
            ("A!=2", true),
            ("B = x y", true),
            ("[A = 1, B = x y]", true),
            ("[A = 1, B != x y]", false),
        ] {
            assert_eq!(of(when), Ok(so), "{when}");
        }
    }

    #[test]
    fn what_is_none_is_refused() {
        for (when, says) in [
            ("C = 1", "`C`, which nothing sets"),
            ("[A = 2, C = 1]", "`C`, which nothing sets"),
            ("A", "no condition"),
            ("= 1", "no condition"),
            ("A B = 1", "no condition"),
            ("{A: 1}", "no condition"),
            ("[[A = 1]]", "something else"),
        ] {
            let wrong = of(when).unwrap_err();
            assert!(wrong.contains(says), "{when}: {wrong}");
        }
    }
}
