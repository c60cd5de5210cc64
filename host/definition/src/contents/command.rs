//! `[[commands]]`: programs that run in the image's box while it is built.

use std::collections::BTreeMap;

use toml::de::DeValue;

use crate::diagnostic::Diagnostic;
use crate::keys::COMMAND_KEYS;
use crate::location::Spanned;
use crate::reader::{Item, Reader};

/// The phases in which there is a tree to work in, and which are not about the disk.
const PHASES: [&str; 8] = [
    "extra-data",
    "pre-install",
    "install",
    "post-install",
    "post-root",
    "pre-finalise",
    "finalise",
    "cleanup",
];

/// The phase of a command that names none: packages, accounts, files and units are there.
const USUAL: &str = "post-install";

/// How one is written.
const EXAMPLE: &str =
    "[[commands]]\nrun = [\"systemctl\", \"preset-all\"]      # or script = \"scripts/x.sh\"";

/// What a command runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatedProgram {
    /// A program of the image, with its arguments; no shell.
    Run(Vec<String>),
    /// A file beside the definition, whose first line names its interpreter in the image.
    Script(Spanned<String>),
}

/// An entry of `[[commands]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatedCommand {
    /// When.
    pub phase: String,
    /// What.
    pub program: StatedProgram,
    /// Variables, on top of a small clean environment.
    pub environment: BTreeMap<String, String>,
    /// It may reach the network.
    pub network: bool,
}

impl StatedCommand {
    /// A command of the usual phase.
    #[must_use]
    pub fn new(program: StatedProgram) -> Self {
        Self { phase: USUAL.to_owned(), program, environment: BTreeMap::new(), network: false }
    }
}

impl Reader<'_> {
    pub(crate) fn commands(&mut self, item: &Item<'_>) -> Vec<Spanned<StatedCommand>> {
        let mut commands = Vec::new();
        for entry in self.tables(item, "commands") {
            if let Some(command) = self.command(entry) {
                commands.push(self.spanned(entry, command));
            }
        }
        commands
    }

    fn command(&mut self, entry: &Item<'_>) -> Option<StatedCommand> {
        let DeValue::Table(table) = entry.get_ref() else { return None };
        let misspelt = !self.known_keys(table, &COMMAND_KEYS, "`[[commands]]`");
        let value =
            |name: &str| table.iter().find(|(key, _)| key.get_ref() == name).map(|(_, item)| item);
        let phase = match value("phase") {
            Some(item) => self.one_of(item, "phase", &PHASES),
            None => Some(USUAL.to_owned()),
        };
        let program = match (value("run"), value("script")) {
            (Some(item), None) => self.program(item).map(StatedProgram::Run),
            (None, Some(item)) => self.beside(item, "script").map(StatedProgram::Script),
            (Some(_), Some(item)) => {
                let message = "an entry of `[[commands]]` has both `run` and `script`";
                self.refuse(
                    item,
                    Diagnostic::new(message)
                        .with_help("write two entries; they run in the order in which they stand"),
                );
                None
            }
            // It is the key that was misspelt.
            (None, None) if misspelt => None,
            (None, None) => {
                let message = "an entry of `[[commands]]` says neither `run` nor `script`";
                self.refuse(entry, Diagnostic::new(message).with_help(format!("write\n{EXAMPLE}")));
                None
            }
        };
        let environment =
            value("environment").map(|item| self.environment(item)).unwrap_or_default();
        let network = value("network").is_some_and(|item| self.boolean(item, "network"));
        Some(StatedCommand { phase: phase?, program: program?, environment, network })
    }

    fn program(&mut self, item: &Item<'_>) -> Option<Vec<String>> {
        if let DeValue::String(text) = item.get_ref() {
            let words: Vec<String> =
                text.split_whitespace().map(|word| format!("{word:?}")).collect();
            let plain = !text.contains(['"', '\'', '\\', '$', '|', '>', '<', ';', '&', '*', '`']);
            let help = match plain && !words.is_empty() {
                true => format!("there is no shell; write run = [{}]", words.join(", ")),
                false => format!(
                    "there is no shell; where one is needed, write run = [\"sh\", \"-c\", {:?}]",
                    text.as_ref()
                ),
            };
            self.refuse(
                item,
                Diagnostic::new(
                    "`run` has to be a list: the program, then its arguments; this is a text",
                )
                .with_help(help),
            );
            return None;
        }
        let words = self.texts(item, "run", "a list: the program, then its arguments");
        let DeValue::Array(array) = item.get_ref() else { return None };
        if words.len() < array.len() {
            return None;
        }
        let message = match words.first() {
            None => Some("`run` is empty: it names no program".to_owned()),
            Some(program) if program.is_empty() => {
                Some("`run` names no program: its first text is empty".to_owned())
            }
            Some(program) if program.contains('/') && !program.starts_with('/') => Some(format!(
                "the program {:?} is neither a name nor an absolute path",
                program.value
            )),
            _ if words.iter().any(|word| word.contains('\0')) => {
                Some("`run` has a NUL character in it".to_owned())
            }
            Some(program) if program.contains(char::is_whitespace) => {
                Some(format!("the program {:?} has white space in it", program.value))
            }
            // Both mean something else in a grant, by which a command is held.
            Some(program) if program.contains('*') || *program.value == *"network" => {
                Some(format!("the program {:?} cannot be named so", program.value))
            }
            _ => None,
        };
        if let Some(message) = message {
            self.refuse(item, Diagnostic::new(message).with_help("write a program of the image and its arguments, each a text of its own: run = [\"systemctl\", \"preset-all\"]"));
            return None;
        }
        Some(words.into_iter().map(|word| word.value).collect())
    }

    fn environment(&mut self, item: &Item<'_>) -> BTreeMap<String, String> {
        let DeValue::Table(table) = item.get_ref() else {
            self.refuse(
                item,
                Diagnostic::new("`environment` has to be a table of variables")
                    .with_help("write environment = { DEBIAN_FRONTEND = \"noninteractive\" }"),
            );
            return BTreeMap::new();
        };
        let mut environment = BTreeMap::new();
        for (key, item) in table {
            let name = key.get_ref().to_string();
            let sound = !name.starts_with(|c: char| c.is_ascii_digit())
                && !name.is_empty()
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            if !sound {
                let place = self.source.locate(&key.span());
                self.wrong.push(
                    Diagnostic::new(format!("{name:?} is no name of a variable"))
                        .at(Some(&place))
                        .with_help("a name has letters, digits and `_`"),
                );
            }
            let Some(value) = self.text(item, &name, "a text") else { continue };
            if value.contains('\0') {
                self.refuse(item, Diagnostic::new(format!("`{name}` has a NUL character in it")));
            }
            environment.insert(name, value.value);
        }
        environment
    }
}
