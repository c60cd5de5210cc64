//! A shell, or one command, in a tree that is being made.

use std::collections::BTreeMap;
use std::io::Write as _;

use dibhost_engine::{BuildFailure, Occasion, Visitor};
use dibhost_text::for_terminal;
use dibhost_tree::{Command, Programs};

use crate::failure::Failure;
use crate::report::Reporter;
use crate::terminal::Terminal;

/// The better of the shells that a tree may have.
const SHELL: &str = "command -v bash >/dev/null 2>&1 && exec bash -i; exec sh -i";

/// A shell in the tree.
pub(crate) struct InTree<'a> {
    reporter: &'a Reporter,
    stops_at: Option<usize>,
    /// What it is to do; none: it is a person's, on this terminal.
    command: Option<String>,
    network: bool,
    /// How it ended.
    status: i32,
}

impl<'a> InTree<'a> {
    /// For a command.
    pub(crate) fn with_command(command: &str, reporter: &'a Reporter) -> Self {
        let command = Some(command.to_owned());
        Self { reporter, stops_at: None, command, network: false, status: 0 }
    }

    /// For whoever sits at this terminal; `what` was asked for.
    pub(crate) fn on_this_terminal(what: &str, reporter: &'a Reporter) -> Result<Self, Failure> {
        if !Terminal::is_here() {
            return Err(Failure::wrong(format!(
                "`{what}` opens a shell, and standard input and output are no terminal\n  help: \
                 `dibhost shell --command CMD` needs none"
            )));
        }
        Ok(Self { reporter, stops_at: None, command: None, network: false, status: 0 })
    }

    /// Whether it reaches the network.
    pub(crate) fn with_network(self, network: bool) -> Self {
        Self { network, ..self }
    }

    /// Has the build stop when so many actions are done.
    pub(crate) fn stop_at(&mut self, actions: usize) {
        self.stops_at = Some(actions);
    }

    /// How it ended.
    pub(crate) fn status(&self) -> i32 {
        self.status
    }
}

impl Visitor for InTree<'_> {
    fn stops_at(&self) -> Option<usize> {
        self.stops_at
    }

    fn enter(
        &mut self,
        tree: &mut dyn Programs,
        occasion: Occasion<'_>,
    ) -> Result<(), BuildFailure> {
        let failed = |e: &dyn std::error::Error| {
            BuildFailure::new(e.to_string()).doing("opening a shell in the tree")
        };
        if let Occasion::Failed(failure) = occasion {
            let why = format!("{failure}\nA shell in the tree follows; the build ends with it.\n");
            let why = for_terminal(&why);
            self.reporter.aside(|| {
                let _ = std::io::stderr().write_all(why.as_bytes());
            });
        }
        let command = |program: &str| Command {
            program: "/bin/sh".to_owned(),
            args: vec!["-c".to_owned(), program.to_owned()],
            network: self.network,
            ..Command::default()
        };
        if let Some(program) = &self.command {
            let mut out = std::io::stdout();
            let output = tree.exec(&command(program), &mut |line| {
                let text = format!("{}\n", for_terminal(&line.text));
                // A reader that closed the pipe wants no more.
                let _ = match line.error {
                    true => std::io::stderr().write_all(text.as_bytes()),
                    false => out.write_all(text.as_bytes()),
                };
            });
            self.status = output.map_err(|e| failed(&e))?.status;
            return Ok(());
        }
        let (terminal, other_end) = Terminal::open().map_err(|e| failed(&e))?;
        let mut shell = command(SHELL);
        let known = std::env::var("TERM")
            .ok()
            .filter(|term| term.bytes().all(|b| b.is_ascii_alphanumeric() || b"-+._".contains(&b)));
        shell.env = BTreeMap::from([("TERM".to_owned(), known.unwrap_or_else(|| "dumb".into()))]);
        let exec = || tree.exec_on(&shell, other_end);
        let ended = self.reporter.aside(|| terminal.during(exec));
        let ended = ended.map_err(|e| failed(&e))?.map_err(|e| failed(&e))?;
        self.status = ended.status;
        Ok(())
    }
}
