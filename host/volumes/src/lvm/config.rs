//! The text of LVM's metadata: sections of names with numbers, strings and lists. Its input is
//! hostile: nesting and size are bounded, and what is wrong is told with its line.
//!
//! Source: lvm2 `libdm/libdm-config.c`.

use std::collections::BTreeMap;

/// How deep sections may lie in each other; lvm's own lie four deep.
const DEPTH: usize = 8;
/// How much of a word an error shows.
const SHOWN: usize = 40;

/// A name's value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Number(i64),
    Text(String),
    List(Vec<Value>),
}

#[derive(Debug)]
pub(super) enum Node {
    Value(Value),
    Section(Section),
}

/// Names in their order.
#[derive(Debug, Default)]
pub(super) struct Section {
    entries: Vec<(String, Node)>,
    by_name: BTreeMap<String, usize>,
}

impl Section {
    pub(super) fn get(&self, name: &str) -> Option<&Node> {
        self.by_name.get(name).and_then(|index| self.entries.get(*index)).map(|(_, node)| node)
    }

    /// The sections in this one.
    pub(super) fn sections(&self) -> impl Iterator<Item = (&str, &Section)> {
        self.entries.iter().filter_map(|(name, node)| match node {
            Node::Section(section) => Some((name.as_str(), section)),
            Node::Value(_) => None,
        })
    }

    fn insert(&mut self, name: String, node: Node) -> Result<(), String> {
        if self.by_name.insert(name.clone(), self.entries.len()).is_some() {
            return Err(format!("`{}` is there twice", shown(&name)));
        }
        self.entries.push((name, node));
        Ok(())
    }
}

/// What is wrong, and in which line.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub(super) struct ConfigError {
    pub(super) line: usize,
    pub(super) why: String,
}

/// Reads a whole text.
pub(super) fn parse(text: &str) -> Result<Section, ConfigError> {
    let mut parser = Parser { text, at: 0, line: 1 };
    let section = parser.section(0);
    section.map_err(|why| ConfigError { line: parser.line, why })
}

/// A word of the input, short and without what could steer a terminal.
fn shown(word: &str) -> String {
    let mut shown: String = word.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    if word.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    line: usize,
}

impl<'a> Parser<'a> {
    /// The next byte that is no space and no comment.
    fn peek(&mut self) -> Option<u8> {
        while let Some(byte) = self.text.as_bytes().get(self.at) {
            match byte {
                b'\n' => self.line += 1,
                b'#' => {
                    let rest = &self.text[self.at..];
                    self.at += rest.find('\n').unwrap_or(rest.len());
                    continue;
                }
                b' ' | b'\t' | b'\r' => {}
                _ => return Some(*byte),
            }
            self.at += 1;
        }
        None
    }

    fn expect(&mut self, wanted: u8) -> Result<(), String> {
        match self.peek() {
            Some(byte) if byte == wanted => {
                self.at += 1;
                Ok(())
            }
            _ => Err(format!("`{}` is missing{}", char::from(wanted), self.instead())),
        }
    }

    fn instead(&self) -> String {
        match self.text[self.at..].split_whitespace().next() {
            Some(word) => format!(" before `{}`", shown(word)),
            None => " at the end".to_owned(),
        }
    }

    /// Up to what ends a word.
    fn word(&mut self) -> Result<&'a str, String> {
        self.peek();
        let rest = &self.text[self.at..];
        let ends = |c: char| c.is_ascii_whitespace() || "#={}[],\"'".contains(c);
        let word = &rest[..rest.find(ends).unwrap_or(rest.len())];
        if word.is_empty() {
            return Err(format!("a name or a number is missing{}", self.instead()));
        }
        self.at += word.len();
        Ok(word)
    }

    fn section(&mut self, depth: usize) -> Result<Section, String> {
        let mut section = Section::default();
        loop {
            match self.peek() {
                None if depth == 0 => return Ok(section),
                Some(b'}') if depth > 0 => {
                    self.at += 1;
                    return Ok(section);
                }
                _ => {}
            }
            let name = self.word()?.to_owned();
            let node = match self.peek() {
                Some(b'{') => {
                    if depth == DEPTH {
                        return Err(format!("sections lie more than {DEPTH} deep"));
                    }
                    self.at += 1;
                    Node::Section(self.section(depth + 1)?)
                }
                _ => {
                    self.expect(b'=')?;
                    Node::Value(self.value()?)
                }
            };
            section.insert(name, node)?;
        }
    }

    fn value(&mut self) -> Result<Value, String> {
        if self.peek() != Some(b'[') {
            return self.scalar();
        }
        self.at += 1;
        let mut list = Vec::new();
        while self.peek() != Some(b']') {
            list.push(self.scalar()?);
            if self.peek() == Some(b',') {
                self.at += 1;
            } else if self.peek() != Some(b']') {
                return Err(format!("`,` or `]` is missing{}", self.instead()));
            }
        }
        self.at += 1;
        Ok(Value::List(list))
    }

    fn scalar(&mut self) -> Result<Value, String> {
        match self.peek() {
            Some(quote @ (b'"' | b'\'')) => self.string(char::from(quote)),
            _ => {
                let word = self.word()?;
                match word.parse() {
                    Ok(number) => Ok(Value::Number(number)),
                    Err(_) => Err(format!("`{}` is no number", shown(word))),
                }
            }
        }
    }

    fn string(&mut self, quote: char) -> Result<Value, String> {
        self.at += 1;
        let rest = &self.text[self.at..];
        let mut text = String::new();
        let mut characters = rest.char_indices();
        while let Some((index, character)) = characters.next() {
            if character == quote {
                self.at += index + 1;
                self.line += rest[..index].matches('\n').count();
                return Ok(Value::Text(text));
            }
            match character {
                '\\' if quote == '"' => text.extend(characters.next().map(|(_, escaped)| escaped)),
                _ => text.push(character),
            }
        }
        Err("a string does not end".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Value {
        match parse(&format!("x = {text}")).unwrap().get("x") {
            Some(Node::Value(value)) => value.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn values_are_read() {
        assert_eq!(value("12 # twelve"), Value::Number(12));
        assert_eq!(value(r#""a \"b\" \\ {""#), Value::Text(r#"a "b" \ {"#.to_owned()));
        assert_eq!(value("[]"), Value::List(vec![]));
        let list = vec![Value::Text("pv0".to_owned()), Value::Number(0)];
        assert_eq!(value("[\n\"pv0\", # first\n0\n]"), Value::List(list));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, why) in [
            ("a = 1\nb", "line 2: `=` is missing at the end"),
            ("a = 1\n\na = 2", "line 3: `a` is there twice"),
            ("a = x", "line 1: `x` is no number"),
            ("a = [1 2]", "line 1: `,` or `]` is missing before `2]`"),
            ("a = \"\nb", "line 1: a string does not end"),
            ("}", "line 1: a name or a number is missing before `}`"),
            ("a {", "line 1: a name or a number is missing at the end"),
            ("a = 9223372036854775808", "line 1: `9223372036854775808` is no number"),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), why, "{text}");
        }
        let deep = parse(&"a {".repeat(100_000)).unwrap_err();
        assert_eq!(deep.to_string(), "line 1: sections lie more than 8 deep");
    }
}
