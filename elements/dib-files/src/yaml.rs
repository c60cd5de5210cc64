//! A YAML document as a tree, with bounds on what a hostile one can make of itself. JSON is read by
//! it too.

use saphyr_parser::{Event, Parser, ScalarStyle};

/// Bytes of a file: DIB's largest has 4 KiB.
const MOST_BYTES: usize = 256 << 10;
/// How deep lists and mappings lie in one another; a pkg-map needs four.
const MOST_DEPTH: usize = 16;

/// A value. Scalars stay the text they are: `no` and `0700` are what they look like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// Nothing: `~`, `null`, or no text at all.
    Null,
    /// A scalar.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order of the file; no key is there twice.
    Map(Vec<(String, Node)>),
}

impl Node {
    /// The value of a key of a mapping.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        let Self::Map(pairs) = self else { return None };
        pairs.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The text of a scalar.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// A list or mapping that has not ended yet.
enum Open {
    List(Vec<Node>),
    Map(Vec<(String, Node)>, Option<String>),
}

/// Reads the one document of a file; an empty one says nothing.
///
/// # Errors
/// One sentence without a full stop, with the line.
pub fn read(text: &str) -> Result<Node, String> {
    if text.len() > MOST_BYTES {
        return Err(format!("it has more than {MOST_BYTES} bytes"));
    }
    let mut open: Vec<Open> = Vec::new();
    let mut root = None;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|why| {
            format!("it is no YAML: line {}: {}", why.marker().line(), why.info())
        })?;
        let line = span.start.line();
        let node = match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => continue,
            Event::DocumentStart(_) if root.is_some() => {
                return Err(format!("line {line}: a second document starts"));
            }
            Event::DocumentStart(_) => continue,
            Event::Alias(_) => return Err(format!("line {line}: aliases are not read")),
            Event::SequenceStart(..) => {
                open.push(Open::List(Vec::new()));
                None
            }
            Event::MappingStart(..) => {
                open.push(Open::Map(Vec::new(), None));
                None
            }
            Event::SequenceEnd | Event::MappingEnd => open.pop().map(|ended| match ended {
                Open::List(list) => Node::List(list),
                Open::Map(pairs, _) => Node::Map(pairs),
            }),
            Event::Scalar(text, style, _, _) => {
                let plain = style == ScalarStyle::Plain;
                if let Some(Open::Map(pairs, key @ None)) = open.last_mut() {
                    if pairs.iter().any(|(name, _)| *name == text) {
                        return Err(format!("line {line}: `{text}` is there twice"));
                    }
                    *key = Some(text.into_owned());
                    continue;
                }
                let null = plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                Some(if null { Node::Null } else { Node::Text(text.into_owned()) })
            }
        };
        if open.len() > MOST_DEPTH {
            return Err(format!("line {line}: it is nested too deep"));
        }
        let Some(node) = node else { continue };
        match open.last_mut() {
            None => root = Some(node),
            Some(Open::List(list)) => list.push(node),
            Some(Open::Map(pairs, key)) => match key.take() {
                Some(key) => pairs.push((key, node)),
                None => return Err(format!("line {line}: a key is no text")),
            },
        }
    }
    Ok(root.unwrap_or(Node::Null))
}

#[cfg(test)]
mod tests {
    use super::{Node, read};

    #[test]
    fn yaml_and_json_are_the_same() {
        let yaml = "# said\na:\nb:\n  phase: pre-install.d\n  when:\n    - X = 1\n    - Y != 2\n";
        let json = r#"{"a": null, "b": {"phase": "pre-install.d", "when": ["X = 1", "Y != 2"]}}"#;
        assert_eq!(read(yaml), read(json));
        let read = read(yaml).unwrap();
        assert_eq!(read.get("a"), Some(&Node::Null));
        assert_eq!(read.get("b").unwrap().get("phase").unwrap().text(), Some("pre-install.d"));
    }

    #[test]
    fn what_is_no_document_is_said_with_its_line() {
        for (text, says) in [
            ("a: [", "no YAML"),
            ("a: 1\na: 2\n", "line 2: `a` is there twice"),
            ("a: &x 1\nb: *x\n", "line 2: aliases"),
            ("a: 1\n---\nb: 2\n", "line 2: a second document"),
            ("? [a]\n: b\n", "a key is no text"),
        ] {
            let wrong = read(text).unwrap_err();
            assert!(wrong.contains(says), "{text}: {wrong}");
        }
        assert!(read(&"[".repeat(20)).unwrap_err().contains("too deep"));
        assert!(read(&" ".repeat(300_000)).unwrap_err().contains("bytes"));
        assert_eq!(read(""), Ok(Node::Null));
    }
}
