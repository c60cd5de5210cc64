//! What shells, `man` and editors know of the program: made of the command line itself, and of what
//! reads definitions.

use std::path::Path;

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::failure::Failure;

/// Writes the completions of a shell to standard output.
pub(crate) fn completions(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "dibhost", &mut script);
    super::show(&String::from_utf8(script).map_err(Failure::failed)?)
}

/// Writes the schema of definitions, which editors complete by, to standard output.
pub(crate) fn schema() -> Result<(), Failure> {
    super::show(&format!("{:#}\n", dibhost_definition::schema()))
}

/// Writes a page for the program, and one for each verb, into a folder: `dibhost-plan.1`.
pub(crate) fn man_pages(folder: &Path) -> Result<(), Failure> {
    let failed = |error| Failure::failed(format!("writing into `{}`: {error}", folder.display()));
    std::fs::create_dir_all(folder).map_err(failed)?;
    clap_mangen::generate_to(Cli::command(), folder).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_that_is_shown_has_a_page_and_no_hidden_one_has() {
        let folder = tempfile::tempdir().unwrap();
        man_pages(folder.path()).unwrap();
        let page = |name: &str| std::fs::read_to_string(folder.path().join(name)).ok();
        let mut verbs = 0;
        for verb in Cli::command().get_subcommands() {
            let file = format!("dibhost-{}.1", verb.get_name());
            assert_eq!(page(&file).is_some(), !verb.is_hide_set(), "{file}");
            verbs += 1;
        }
        assert!(verbs > 4);
        let build = page("dibhost-build.1").unwrap();
        for words in [r"\-\-locked", r"dibhost build image.toml", "SH OPTIONS"] {
            assert!(build.contains(words), "no `{words}` in {build}");
        }
        assert!(page("dibhost-block-device-install.1").is_some());
        let whole = page("dibhost.1").unwrap();
        assert!(whole.contains("Exit codes: 0 done"), "{whole}");
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
