//! A YAML document as a tree whose every part knows where it is, with bounds on what a hostile one
//! can make of itself: bytes, depth and, aliases written out, nodes.

use std::collections::{HashMap, HashSet};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};

use dibhost_block_device::{FileError as DibError, Position};

/// Bytes of a file. DIB's largest has 4 KiB.
const MOST_BYTES: usize = 256 << 10;
/// How deep lists and mappings lie in one another. DIB's tree form needs nine.
const MOST_DEPTH: usize = 32;
/// Scalars, lists and mappings after aliases were written out: a bomb of aliases ends here.
const MOST_NODES: usize = 20_000;

/// A value and where it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Value {
    pub(crate) at: Position,
    pub(crate) data: Data,
}

/// What a value is. Scalars stay the text they are: which of them YAML 1.1 takes for a number or a
/// truth (`0700` is 448 to it, and `no` is false) must not change a type or a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Data {
    Null,
    Text(String),
    List(Vec<Value>),
    Map(Vec<Pair>),
}

/// A key of a mapping with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) key: String,
    pub(crate) at: Position,
    pub(crate) value: Value,
}

impl Value {
    fn size(&self) -> (usize, usize) {
        let of = |values: &mut dyn Iterator<Item = &Value>| {
            values.fold((1, 0), |(nodes, depth): (usize, usize), value| {
                let (more, deep) = value.size();
                (nodes + more, depth.max(deep))
            })
        };
        match &self.data {
            Data::Null | Data::Text(_) => (1, 0),
            Data::List(list) => {
                let (nodes, depth) = of(&mut list.iter());
                (nodes, depth + 1)
            }
            Data::Map(map) => {
                let (nodes, depth) = of(&mut map.iter().map(|pair| &pair.value));
                (nodes + map.len(), depth + 1)
            }
        }
    }
}

fn position(marker: &Marker) -> Position {
    Position { line: marker.line(), column: marker.col() + 1 }
}

/// A list or mapping that has not ended yet.
struct Open {
    at: Position,
    anchor: usize,
    data: Container,
}

enum Container {
    List(Vec<Value>),
    Map { pairs: Vec<Pair>, key: Option<(String, Position, bool)> },
}

/// Reads the one document of a file.
pub(super) fn read(text: &str) -> Result<Value, DibError> {
    if text.len() > MOST_BYTES {
        let problem = format!("the file has {} bytes", text.len());
        let help = format!("a block device takes {MOST_BYTES} at most");
        return Err(DibError::new(Position::START, problem, help));
    }
    let mut open: Vec<Open> = Vec::new();
    let mut anchors: HashMap<usize, Value> = HashMap::new();
    let mut nodes = 0;
    let mut root = None;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|why| {
            let problem = format!("this is no YAML: {}", why.info());
            DibError::new(position(why.marker()), problem, "write it as YAML 1.2")
        })?;
        let at = position(&span.start);
        let (value, anchor) = match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => continue,
            Event::DocumentStart(_) if root.is_some() => {
                let help = "keep one document: what is before or after the line `---`";
                return Err(DibError::new(at, "a second document starts here", help));
            }
            Event::DocumentStart(_) => continue,
            Event::SequenceStart(anchor, tag) => {
                check_tag(at, tag.as_deref(), &["seq"])?;
                open.push(Open { at, anchor, data: Container::List(Vec::new()) });
                deep_enough(at, open.len())?;
                continue;
            }
            Event::MappingStart(anchor, tag) => {
                check_tag(at, tag.as_deref(), &["map"])?;
                let data = Container::Map { pairs: Vec::new(), key: None };
                open.push(Open { at, anchor, data });
                deep_enough(at, open.len())?;
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(ended) = open.pop() else { continue };
                let data = match ended.data {
                    Container::List(list) => Data::List(list),
                    Container::Map { pairs, .. } => Data::Map(merged(pairs, &mut nodes)?),
                };
                (Value { at: ended.at, data }, ended.anchor)
            }
            Event::Alias(anchor) => {
                let Some(value) = anchors.get(&anchor) else {
                    let help = "name an anchor that has ended before";
                    return Err(DibError::new(at, "the alias is part of what it names", help));
                };
                let (more, depth) = value.size();
                deep_enough(at, open.len() + depth)?;
                few_enough(at, &mut nodes, more)?;
                // What is wrong with it is wrong where it is written.
                (value.clone(), 0)
            }
            Event::Scalar(text, style, anchor, tag) => {
                const CORE: &[&str] = &["str", "int", "float", "bool", "null"];
                check_tag(at, tag.as_deref(), CORE)?;
                let plain = style == ScalarStyle::Plain && tag.is_none();
                if let Some(Open { data: Container::Map { key: key @ None, .. }, .. }) =
                    open.last_mut()
                {
                    few_enough(at, &mut nodes, 1)?;
                    if anchor != 0 {
                        let value = Value { at, data: Data::Text(text.to_string()) };
                        anchors.insert(anchor, value);
                    }
                    *key = Some((text.into_owned(), at, plain));
                    continue;
                }
                let null = plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let data = if null { Data::Null } else { Data::Text(text.into_owned()) };
                (Value { at, data }, anchor)
            }
        };
        few_enough(at, &mut nodes, 1)?;
        if anchor != 0 {
            let (more, _) = value.size();
            few_enough(at, &mut nodes, more)?;
            anchors.insert(anchor, value.clone());
        }
        match open.last_mut().map(|open| &mut open.data) {
            None => root = Some(value),
            Some(Container::List(list)) => list.push(value),
            Some(Container::Map { pairs, key }) => match key.take() {
                // An alias, a list or a mapping as a key.
                None => {
                    let help = "write a word as the key";
                    return Err(DibError::new(value.at, "this key is no text", help));
                }
                Some((key, at, plain)) => {
                    // `<<` in quotes is a key like any other, and no key of DIB's.
                    let key = if key == "<<" && !plain { "\"<<\"".to_owned() } else { key };
                    pairs.push(Pair { key, at, value });
                }
            },
        }
    }
    root.ok_or_else(|| {
        let help = "write a list of entries, the first of them `- local_loop:`";
        DibError::new(Position::START, "the file is empty", help)
    })
}

fn deep_enough(at: Position, depth: usize) -> Result<(), DibError> {
    if depth <= MOST_DEPTH {
        return Ok(());
    }
    let problem = format!("this lies more than {MOST_DEPTH} lists and mappings deep");
    Err(DibError::new(at, problem, "write it in graph form, with `base`"))
}

fn few_enough(at: Position, nodes: &mut usize, more: usize) -> Result<(), DibError> {
    *nodes += more;
    if *nodes <= MOST_NODES {
        return Ok(());
    }
    let problem = format!("up to here the file has more than {MOST_NODES} values");
    Err(DibError::new(at, problem, "write fewer, and repeat less by aliases"))
}

fn check_tag(at: Position, tag: Option<&Tag>, core: &[&str]) -> Result<(), DibError> {
    match tag {
        Some(tag) if !(tag.is_yaml_core_schema() && core.contains(&tag.suffix.as_str())) => {
            let problem = format!("the tag `{}` means nothing here", escaped(&tag.to_string()));
            Err(DibError::new(at, problem, "leave it out"))
        }
        _ => Ok(()),
    }
}

/// Puts what `<<` names in its place, and refuses a key that is there twice.
fn merged(pairs: Vec<Pair>, nodes: &mut usize) -> Result<Vec<Pair>, DibError> {
    let mut keys = HashSet::new();
    for pair in &pairs {
        if !keys.insert(pair.key.clone()) {
            let problem = format!("the key `{}` is there twice", escaped(&pair.key));
            return Err(DibError::new(pair.at, problem, "keep one of them"));
        }
    }
    let mut all = Vec::with_capacity(pairs.len());
    let mut merge = Vec::new();
    for pair in pairs {
        match pair.value.data {
            Data::Map(_) if pair.key == "<<" => merge.push(pair.value),
            Data::List(list) if pair.key == "<<" => merge.extend(list),
            _ => all.push(pair),
        }
    }
    for value in merge {
        let Data::Map(more) = value.data else {
            let help = "name mappings by their aliases";
            return Err(DibError::new(value.at, "`<<` merges what is no mapping", help));
        };
        for pair in more {
            if keys.insert(pair.key.clone()) {
                few_enough(pair.at, nodes, 1)?;
                all.push(pair);
            }
        }
    }
    Ok(all)
}

/// Text of a file as a message shows it: on one line, of bounded length, with nothing a terminal
/// would act on.
pub(super) fn escaped(text: &str) -> String {
    const MOST: usize = 60;
    let mut short: String = text.chars().take(MOST).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short.escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(text: &str) -> Vec<Pair> {
        match read(text).unwrap().data {
            Data::Map(pairs) => pairs,
            other => panic!("{other:?}"),
        }
    }

    fn refused(text: &str) -> String {
        read(text).unwrap_err().to_string()
    }

    #[test]
    fn every_value_knows_where_it_is() {
        let pairs = map("a: b\nc:\n  d: [e, \"f\"]\n");
        assert_eq!(pairs[0].at, Position { line: 1, column: 1 });
        assert_eq!(pairs[0].value.at, Position { line: 1, column: 4 });
        let Data::Map(inner) = &pairs[1].value.data else { panic!() };
        assert_eq!(inner[0].at, Position { line: 3, column: 3 });
        let Data::List(list) = &inner[0].value.data else { panic!() };
        assert_eq!(list[1].at, Position { line: 3, column: 10 });
    }

    #[test]
    fn scalars_stay_text_and_null_is_null() {
        let pairs = map("a: 0700\nb: no\nc: ~\nd: '~'\ne:\nf: ''\n");
        let data: Vec<&Data> = pairs.iter().map(|pair| &pair.value.data).collect();
        let text = |text: &str| Data::Text(text.to_owned());
        assert_eq!(
            data,
            [&text("0700"), &text("no"), &Data::Null, &text("~"), &Data::Null, &text("")]
        );
    }

    #[test]
    fn aliases_and_merges_are_written_out() {
        let pairs = map("a: &x {b: c, d: e}\nf: *x\ng:\n  <<: *x\n  d: h\n");
        assert_eq!(pairs[0].value, pairs[1].value);
        let Data::Map(merged) = &pairs[2].value.data else { panic!() };
        let keys: Vec<&str> = merged.iter().map(|pair| pair.key.as_str()).collect();
        assert_eq!(keys, ["d", "b"]);
        assert_eq!(merged[0].value.data, Data::Text("h".into()));
    }

    #[test]
    fn hostile_documents_are_refused() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for i in 1..30 {
            let alias = format!("*a{}", i - 1);
            bomb.push_str(&format!("a{i}: &a{i} [{}]\n", vec![alias; 9].join(", ")));
        }
        assert!(refused(&bomb).contains("more than 20000 values"), "{}", refused(&bomb));
        let deep = "- ".repeat(40) + "x";
        assert!(refused(&deep).contains("deep"), "{}", refused(&deep));
        let flow = "[".repeat(100_000);
        assert!(!refused(&flow).is_empty());
        assert!(refused("a: &a [*a]").contains("part of what it names"));
        assert!(refused("a: 1\nb: 2\na: 3\n").starts_with("3:1: the key `a` is there twice"));
        assert!(refused("a: !!python/object:os.system x").contains("tag"));
        assert!(refused("a: b\n---\nc: d\n").contains("second document"));
        assert!(refused("").contains("empty"));
        assert!(refused(&"#".repeat(MOST_BYTES + 1)).contains("bytes"));
        assert!(refused("{a: b").contains("this is no YAML: "), "{}", refused("{a: b"));
        assert!(refused("[a]: b").contains("key"));
    }
}
