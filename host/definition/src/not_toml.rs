//! What is wrong with a text that is no TOML, and where a person would mend it. The parser goes on
//! after an error, so that what is not closed makes an error of each line behind it: that is looked
//! for here, and told alone.

use std::collections::BTreeSet;
use std::ops::Range;

use toml::de::Error;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::location::Source;

/// What the parser says of what is there twice.
const TWICE: &str = "duplicate key";

/// What TOML's parser found wrong, with its places; of each line the first.
pub(crate) fn not_toml(errors: &[Error], text: &str, source: &Source<'_>) -> Diagnostics {
    let mut wrong = Diagnostics::default();
    if errors.is_empty() {
        return wrong;
    }
    if let Some(Unclosed { at, what, sign }) = unclosed(text) {
        let message = format!("this is no TOML: {what} is not closed");
        let help = match sign {
            "\"" => "a text stands between two `\"`, in one line".to_owned(),
            sign => format!("write `{sign}` at its end"),
        };
        let place = source.locate(&at);
        wrong.push(Diagnostic::new(message).at(Some(&place)).with_help(help));
        return wrong;
    }
    // What was read in spite of an error is there twice, it may be, because of that error; and of one
    // name the first is enough.
    let twice = |error: &&Error| error.message() == TWICE;
    let other = errors.iter().any(|error| !twice(&error));
    let mut names = BTreeSet::new();
    let mut line = None;
    let mut errors: Vec<&Error> = errors.iter().collect();
    errors.sort_by_key(|error| error.span().map(|span| span.start));
    for error in errors.into_iter().filter(|error| !(other && twice(error))) {
        let name = error.span().and_then(|span| text.get(span));
        if twice(&error) && !names.insert(name) {
            continue;
        }
        let span = error.span().map(|span| before_break(error.message(), text, span));
        let place = span.as_ref().map(|span| source.locate(span));
        // One sign that is missing is often told twice.
        if place.is_some() && line == place.as_ref().map(|place| place.line) {
            continue;
        }
        line = place.as_ref().map(|place| place.line);
        let (message, help) = in_words(error.message().trim_end(), text, span);
        wrong.push(
            Diagnostic::new(format!("this is no TOML: {message}"))
                .at(place.as_ref())
                .with_help(help),
        );
    }
    wrong
}

/// A comma is missing at the end of the line before, not at the start of the one that needs it.
fn before_break(message: &str, text: &str, span: Range<usize>) -> Range<usize> {
    let before = text.get(..span.start).unwrap_or_default();
    match before.trim_end() {
        kept if message.starts_with("missing comma") && before[kept.len()..].contains('\n') => {
            kept.len().saturating_sub(1)..kept.len()
        }
        _ => span,
    }
}

/// The parser's message with what it is about, and what to do.
fn in_words(message: &str, text: &str, span: Option<Range<usize>>) -> (String, &'static str) {
    let said = span.and_then(|span| text.get(span)).unwrap_or_default();
    let has = |words: &[&str]| words.iter().any(|word| message.contains(word));
    let help = if message == TWICE {
        let message = format!("`{}` is there twice", said.escape_debug());
        return (
            message,
            "leave one of the two out; of tables that there are several of, each begins with two brackets, as `[[files]]`",
        );
    } else if has(&["cannot extend"]) {
        "a table is written as `[table]` or as `table = { … }`, and not as both"
    } else if has(&["string", "quote"]) {
        "a text stands between two `\"`, in one line; one of several lines between two `\"\"\"`"
    } else if has(&["unclosed table", "unclosed array table", "missing table open"]) {
        "a table begins with `[table]`, and one of several of its name with `[[table]]`"
    } else if has(&["comma"]) {
        "between two items stands one `,`"
    } else if has(&["array", "inline table"]) {
        "a list is written as `[1, 2]`, and a table within a line as `{ key = 1 }`"
    } else {
        "write `key = value`, a text in quotes: `name = \"web\"`"
    };
    (message.to_owned(), help)
}

/// What is not closed.
struct Unclosed {
    /// The last sign of it.
    at: Range<usize>,
    what: String,
    sign: &'static str,
}

/// The first list, table in braces or text of several lines that has no end. A list ends, for whoever
/// reads it, where a line begins as a key or a table does.
fn unclosed(text: &str) -> Option<Unclosed> {
    let mut open: Vec<char> = Vec::new();
    // Where the last sign that counts ends, and which it is.
    let (mut end, mut last) = (0, '\n');
    let (mut at, mut line_end) = (0, 0);
    let mut line_begins = true;
    while let Some(sign) = text[at..].chars().next() {
        let rest = &text[at..];
        // Looked for once a line: one may be as long as the text.
        if at >= line_end {
            line_end = at + rest.find('\n').unwrap_or(rest.len());
        }
        let line = &text[at..line_end];
        if line_begins && !matches!(sign, ' ' | '\t' | '\r' | '\n') {
            line_begins = false;
            match open.last() {
                Some('[') if is_head(line) || is_key(line) => return Some(list(end)),
                Some('{') if is_head(line) || is_key(line) && !matches!(last, ',' | '{') => {
                    return Some(table(end));
                }
                None if sign == '[' => {
                    at += line.len();
                    continue;
                }
                _ => {}
            }
        }
        let mut length = sign.len_utf8();
        match sign {
            '\n' => line_begins = true,
            ' ' | '\t' | '\r' => {}
            '#' => length = line.len(),
            '"' | '\'' => {
                let thrice = if sign == '"' { "\"\"\"" } else { "'''" };
                length = match rest.starts_with(thrice) {
                    true => match ending(&rest[3..], sign, 3) {
                        Some(inner) => 3 + inner,
                        None => {
                            let what = "the text that begins here".to_owned();
                            return Some(Unclosed { at: at..at + 3, what, sign: thrice });
                        }
                    },
                    false => match ending(&line[1..], sign, 1) {
                        Some(inner) => 1 + inner,
                        // Elsewhere than in a list it makes no error of the lines behind it, and is
                        // for the parser to tell.
                        None if open.is_empty() => return None,
                        None => {
                            let what = "a text that begins or ends here".to_owned();
                            return Some(Unclosed { at: at..at + 1, what, sign: "\"" });
                        }
                    },
                };
            }
            '[' | '{' => open.push(sign),
            ']' | '}' => {
                open.pop();
            }
            _ => {}
        }
        if !sign.is_whitespace() && sign != '#' {
            (end, last) = (at + length, sign);
        }
        at += length;
    }
    match open.last()? {
        '[' => Some(list(end)),
        _ => Some(table(end)),
    }
}

fn list(end: usize) -> Unclosed {
    let what = "the list that ends here".to_owned();
    Unclosed { at: end.saturating_sub(1)..end, what, sign: "]" }
}

fn table(end: usize) -> Unclosed {
    let what = "the table that ends here".to_owned();
    Unclosed { at: end.saturating_sub(1)..end, what, sign: "}" }
}

/// How many bytes a text has with the quotes at its end, those at its start left out.
fn ending(rest: &str, quote: char, quotes: usize) -> Option<usize> {
    let mut escaped = false;
    let mut there = 0;
    for (at, sign) in rest.char_indices() {
        there = if sign == quote && !escaped { there + 1 } else { 0 };
        escaped = sign == '\\' && quote == '"' && !escaped;
        if there == quotes {
            return Some(at + sign.len_utf8());
        }
    }
    None
}

/// `key = …`, as a line begins.
fn is_key(line: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || "-_.\"' ".contains(c);
    let Some((key, _)) = line.split_once('=') else { return false };
    let key = key.trim();
    let quoted = key.starts_with('"') && key.len() > 1 && key.ends_with('"');
    !key.is_empty() && key.chars().all(word) && (quoted || !key.contains(['"', ' ']))
}

/// `[table]` or `[[table]]`, alone in its line.
fn is_head(line: &str) -> bool {
    let line = line.split('#').next().unwrap_or_default().trim();
    let Some(inner) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) else {
        return false;
    };
    let inner = inner.strip_prefix('[').and_then(|line| line.strip_suffix(']')).unwrap_or(inner);
    let word = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let value = ["true", "false", "inf", "nan"].contains(&inner);
    inner.starts_with(|c: char| c.is_ascii_alphabetic()) && inner.chars().all(word) && !value
}

#[cfg(test)]
mod tests {
    use toml::de::DeTable;

    use super::*;

    fn told(text: &str) -> Vec<String> {
        let (_, errors) = DeTable::parse_recoverable(text);
        let wrong = not_toml(&errors, text, &Source::new("a.toml", text));
        let line = |diagnostic: &Diagnostic| {
            let place = diagnostic.location.as_ref().map(ToString::to_string);
            format!("{}: {}", place.unwrap_or_default(), diagnostic.message)
        };
        wrong.iter().map(line).collect()
    }

    #[test]
    fn what_is_not_closed_is_told_once_where_it_ends() {
        let list = "this is no TOML: the list that ends here is not closed";
        for text in [
            "[image]\nelements = [\"a\", \"b\"\nformats = [\"raw\"]\nname = \"x\"\n",
            "[image]\nelements = [\"a\", \"b\"\n\n[disk]\nsize = 1\n",
            "[image]\nelements = [\"a\", \"b\"\n",
            "[image]\nelements = [\"a\", \"b\" # all\n\"key.x\" = 1\n",
        ] {
            assert_eq!(told(text), [format!("a.toml:2:20: {list}")], "{text}");
        }
        let several = "elements = [\n  \"a\",\n  \"b\",\n\n[image]\nname = \"x\"\n";
        assert_eq!(told(several), [format!("a.toml:3:6: {list}")]);
        let table = "this is no TOML: the table that ends here is not closed";
        assert_eq!(told("a = { b = 1\nc = 2\n"), [format!("a.toml:1:11: {table}")]);
        let text = "this is no TOML: the text that begins here is not closed";
        assert_eq!(told("a = 1\nb = \"\"\"\nx\n[c]\nd = 1\n"), [format!("a.toml:2:5: {text}")]);
    }

    #[test]
    fn what_is_closed_is_not_told() {
        for text in [
            "a = [\n  [1, 2],\n  [3],\n]\n",
            "a = [\n  { b = 1 },\n  { b = 'x[' },\n]\n",
            "a = { b = 1,\n  c = \"[\" }\n",
            "a = \"\"\"\nb = [\n\\\"\"\" \"\"\"\n[t]\nc = 1\n",
        ] {
            assert!(unclosed(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_sign_that_is_missing_is_told_once_in_its_line() {
        for (text, place) in [
            ("a = [\n  \"b\"\n  \"c\",\n]\n", "a.toml:2:5"),
            ("a = \"b\nc = 1\n", "a.toml:1:"),
            ("a = [b\", \"c\"]\nd = 1\n", "a.toml:1:"),
            ("a = [\"b\", \"c]\n[d]\ne = 1\n", "a.toml:1:11"),
            ("a \"b\"\n", "a.toml:1:"),
            ("[a\nb = 1\n", "a.toml:1:3"),
            ("a = 1\nb = 2\na = 3\n", "a.toml:3:1"),
        ] {
            let told = told(text);
            assert!(told.len() == 1 && told[0].starts_with(place), "{text}: {told:?}");
        }
        let head = "[image]]\nname = \"x\"\nname = \"y\"\n";
        assert_eq!(told(head).len(), 1, "{:?}", told(head));
        let twice = told("[files]\na = 1\n[files]\n");
        assert_eq!(twice, ["a.toml:3:2: this is no TOML: `files` is there twice"]);
    }
}
