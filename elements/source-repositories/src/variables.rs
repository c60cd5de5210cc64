//! `$NAME`, `${NAME}` and `${NAME:-otherwise}`, as DIB's shell sets them; nothing else of a shell.

use crate::repository::Variables;

/// The line with its variables set.
///
/// # Errors
/// A variable that nobody sets, and what only a shell could do.
pub(crate) fn expanded(line: &str, variables: &Variables) -> Result<String, String> {
    if let Some(odd) = line.chars().find(|c| "`;|&<>(\"'\\".contains(*c)) {
        return Err(format!(
            "`{odd}` is for a shell, and no shell reads this: write what is meant"
        ));
    }
    let mut told = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('$') {
        told.push_str(before);
        let (name, otherwise, after) = match after.strip_prefix('{') {
            Some(braced) => {
                let (inside, after) = braced
                    .split_once('}')
                    .ok_or_else(|| "a `${` has no `}` behind it".to_owned())?;
                match inside.split_once(":-") {
                    Some((name, otherwise)) => (name, Some(otherwise), after),
                    None => (inside, None, after),
                }
            }
            None => {
                let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
                let end = after.find(|c| !is_name(c)).unwrap_or(after.len());
                (&after[..end], None, &after[end..])
            }
        };
        match (variables.get(name).filter(|value| !value.is_empty()), otherwise) {
            (Some(value), _) => told.push_str(value),
            (None, Some(otherwise)) if !otherwise.contains('$') => told.push_str(otherwise),
            _ => {
                return Err(format!(
                    "`{}` is not set: set it in the parameter `environment`",
                    name.escape_debug()
                ));
            }
        }
        rest = after;
    }
    told.push_str(rest);
    Ok(told)
}

#[cfg(test)]
mod tests {
    use super::expanded;

    #[test]
    fn variables_are_set_and_nothing_else_is_done() {
        let of = |line: &str| expanded(line, &[("A".to_owned(), "x".to_owned())].into());
        for (line, told) in
            [("plain", "plain"), ("$A-${A}/$A", "x-x/x"), ("${A:-y} ${B:-y}", "x y"), ("a$A", "ax")]
        {
            assert_eq!(of(line).as_deref(), Ok(told), "{line}");
        }
        for line in ["$B", "${B}", "${A", "$", "$(id)", "`id`", "a;b", "${B:-$A}", "a\"b"] {
            assert!(of(line).is_err(), "{line}");
        }
    }
}
