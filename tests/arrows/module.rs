//! What a file says of modules: which it declares, what it uses, what it defines.

use std::collections::BTreeSet;

use crate::source::{Word, step};

/// One leaf of a `use`, or a path in the code.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Use {
    /// `["crate", "plan", "Plan"]`.
    pub(crate) path: Vec<String>,
    /// What it is called here; none: `_`, a glob or a path in the code.
    pub(crate) name: Option<String>,
    pub(crate) glob: bool,
    /// `pub use`: handed on.
    pub(crate) public: bool,
    pub(crate) line: usize,
}

/// A type or function that others can see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Definition {
    /// `struct`, `fn`, …
    pub(crate) kind: String,
    pub(crate) name: String,
    /// `pub` or `pub(crate)`.
    pub(crate) visible: bool,
    pub(crate) line: usize,
}

/// A module: a file's, or one with its braces in a file.
#[derive(Debug, Default)]
pub(crate) struct Module {
    /// `mod x;`.
    pub(crate) declared: Vec<String>,
    /// `mod x { … }`.
    pub(crate) inline: Vec<(String, Module)>,
    pub(crate) uses: Vec<Use>,
    /// Paths of two names and more in the code.
    pub(crate) paths: Vec<Use>,
    pub(crate) defined: Vec<Definition>,
    /// Every name in the code, outside of `use`.
    pub(crate) names: BTreeSet<String>,
}

impl Module {
    pub(crate) fn parse(words: &[Word]) -> Self {
        let (module, _) = Self::until_brace(words, 0);
        module
    }

    /// Reads up to the brace that closes the module, or to the end.
    fn until_brace(words: &[Word], from: usize) -> (Self, usize) {
        let mut module = Self::default();
        let (mut at, mut depth) = (from, 0);
        while let Some(word) = words.get(at) {
            depth += step(word);
            if depth < 0 {
                return (module, at + 1);
            }
            let next = |n: usize| words.get(at + n).map_or("", |w| w.text.as_str());
            match word.text.as_str() {
                // Not `impl Trait + use<'a>`.
                "use" if next(1) != "<" => {
                    let public = visibility(words, at).is_some();
                    let mut tree = Tree { words, at: at + 1, public, found: Vec::new() };
                    tree.read(&[]);
                    at = tree.at;
                    module.uses.append(&mut tree.found);
                    continue;
                }
                "mod" if next(2) == ";" => module.declared.push(next(1).to_owned()),
                "mod" if next(2) == "{" => {
                    let (inner, end) = Self::until_brace(words, at + 3);
                    module.inline.push((next(1).to_owned(), inner));
                    at = end;
                    continue;
                }
                "struct" | "enum" | "trait" | "type" | "fn" | "const" | "static" | "union"
                    // What is in a function's body or an `impl` cannot be used from elsewhere by
                    // its name alone.
                    if depth == 0 && words.get(at + 1).is_some_and(Word::is_name) =>
                {
                    module.defined.push(definition(words, at, 1));
                }
                "macro_rules" if next(1) == "!" => module.defined.push(definition(words, at, 2)),
                _ => {}
            }
            if word.is_name() {
                module.names.insert(word.text.clone());
            }
            at = module.path(words, at);
        }
        (module, at)
    }

    /// Reads the path that begins here, if one does, and answers where to go on.
    fn path(&mut self, words: &[Word], at: usize) -> usize {
        let before = at.checked_sub(1).map_or("", |n| words[n].text.as_str());
        let is = |n: usize, text: &str| words.get(n).is_some_and(|w| w.is(text));
        if !words[at].is_name() || !is(at + 1, "::") || matches!(before, "::" | ".") {
            return at + 1;
        }
        let mut path = vec![words[at].text.clone()];
        let mut end = at + 1;
        while is(end, "::") && words.get(end + 1).is_some_and(Word::is_name) {
            path.push(words[end + 1].text.clone());
            self.names.insert(words[end + 1].text.clone());
            end += 2;
        }
        if path.len() > 1 {
            let line = words[at].line;
            self.paths.push(Use { path, name: None, glob: false, public: false, line });
        }
        end
    }
}

/// `pub` or what is in its brackets, where the item at `at` has it.
fn visibility(words: &[Word], at: usize) -> Option<String> {
    let mut before = at;
    while before > 0
        && ["unsafe", "async", "const", "extern"].contains(&words[before - 1].text.as_str())
    {
        before -= 1;
    }
    let last = words.get(before.checked_sub(1)?)?;
    if last.is("pub") {
        return Some("pub".to_owned());
    }
    let open = (0..before).rev().take(6).find(|n| words[*n].is("("))?;
    let bracketed = last.is(")") && open > 0 && words[open - 1].is("pub");
    bracketed.then(|| words[open + 1].text.clone())
}

fn definition(words: &[Word], at: usize, name: usize) -> Definition {
    let visible = visibility(words, at).is_some_and(|v| v == "pub" || v == "crate");
    let text = |n: usize| words.get(at + n).map(|w| w.text.clone()).unwrap_or_default();
    Definition { kind: text(0), name: text(name), visible, line: words[at].line }
}

/// The tree of a `use`, read name by name.
struct Tree<'a> {
    words: &'a [Word],
    at: usize,
    public: bool,
    found: Vec<Use>,
}

impl Tree<'_> {
    fn word(&self) -> &str {
        self.words.get(self.at).map_or(";", |w| w.text.as_str())
    }

    /// Reads one branch, and leaves off behind it.
    fn read(&mut self, above: &[String]) {
        let mut path = above.to_vec();
        loop {
            match self.word() {
                "{" => {
                    self.at += 1;
                    while !matches!(self.word(), "}" | ";") {
                        self.read(&path);
                        if self.word() == "," {
                            self.at += 1;
                        }
                    }
                    self.at += 1;
                    return;
                }
                "*" => {
                    self.leaf(path, None, true);
                    self.at += 1;
                    return;
                }
                // `::std`, `$crate`.
                "::" | "$" => self.at += 1,
                "as" => {
                    self.at += 1;
                    let name = Some(self.word().to_owned()).filter(|n| n != "_");
                    self.leaf(path, name, false);
                    self.at += 1;
                    return;
                }
                "," | "}" | ";" => {
                    let name = path.last().cloned();
                    self.leaf(path, name, false);
                    return;
                }
                name => {
                    path.push(name.to_owned());
                    self.at += 1;
                }
            }
        }
    }

    fn leaf(&mut self, mut path: Vec<String>, mut name: Option<String>, glob: bool) {
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
            if name.as_deref() == Some("self") {
                name = path.last().cloned();
            }
        }
        let line = self.words.get(self.at).or(self.words.last()).map_or(1, |w| w.line);
        self.found.push(Use { path, name, glob, public: self.public, line });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::words;

    fn shown(uses: &[Use]) -> Vec<String> {
        let one = |u: &Use| {
            let name = u.name.as_deref().filter(|n| u.path.last().is_none_or(|last| last != n));
            let name = name.map(|n| format!(" as {n}")).unwrap_or_default();
            let (public, glob) =
                (if u.public { "pub " } else { "" }, if u.glob { "::*" } else { "" });
            format!("{public}{}{glob}{name}", u.path.join("::"))
        };
        uses.iter().map(one).collect()
    }

    #[test]
    fn nested_braces_renamed_ones_and_globs_are_leaves() {
        let text = "use a::{self, b::{C, D as E}, f::*}; pub(crate) use crate::g::H; use ::std::i;
            pub use super::J as _; fn k() { use L::{M, N}; }";
        assert_eq!(
            shown(&Module::parse(&words(text)).uses),
            [
                "a",
                "a::b::C",
                "a::b::D as E",
                "a::f::*",
                "pub crate::g::H",
                "std::i",
                "pub super::J",
                "L::M",
                "L::N"
            ]
        );
    }

    #[test]
    fn paths_in_the_code_are_found_and_those_in_texts_are_not() {
        let text =
            "fn a(b: crate::c::D) -> super::E<F> { g.h::<i::J>(); \"k::l\"; m::n(o) /* p::q */ }";
        let module = Module::parse(&words(text));
        assert_eq!(shown(&module.paths), ["crate::c::D", "super::E", "i::J", "m::n"]);
    }

    #[test]
    fn modules_and_definitions_are_told_apart_from_what_is_in_them() {
        let text = "mod a; pub mod b { pub struct C; mod d; } pub(crate) enum E { F }
            pub(super) struct G; impl E { pub fn h() {} } macro_rules! i { () => {} } pub unsafe trait J {}";
        let module = Module::parse(&words(text));
        assert_eq!(module.declared, ["a"]);
        assert_eq!(module.inline[0].0, "b");
        assert_eq!(module.inline[0].1.declared, ["d"]);
        let defined: Vec<_> = module.defined.iter().map(|d| (d.name.as_str(), d.visible)).collect();
        assert_eq!(defined, [("E", true), ("G", false), ("i", false), ("J", true)]);
    }
}
