//! The options of `disk-image-create` as options of `build` and `plan`, made of the table of
//! `dibhost-dib`.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use dibhost_dib::words::{DibGiven, DibOption, OPTIONS};

/// Those that were given.
#[derive(Debug, Clone, Default)]
pub(crate) struct DibOptions {
    pub(crate) given: Vec<DibGiven>,
}

/// Options that `build` and `plan` have under the same name anyway.
const OWN: [&str; 6] = ["a", "o", "t", "p", "logfile", "help"];

fn declared() -> impl Iterator<Item = &'static DibOption> {
    OPTIONS.iter().filter(|option| !OWN.contains(&option.id()))
}

fn argument(option: &DibOption) -> Arg {
    let id = option.id();
    let mut argument = Arg::new(id).help(option.help).help_heading("As `disk-image-create`");
    if let Some(short) = option.short {
        argument = argument.short(short);
    }
    if let Some(long) = option.long {
        argument = argument.long(long);
    }
    match option.value {
        // The last one counts, and whatever comes after it is its value, as with `getopt`:
        // `--mkfs-options '-i 16384'`.
        Some(value) => argument
            .value_name(value)
            .action(ArgAction::Set)
            .overrides_with(id)
            .allow_hyphen_values(true),
        None => argument.action(ArgAction::Count),
    }
}

impl Args for DibOptions {
    fn augment_args(command: Command) -> Command {
        declared().fold(command, |command, option| command.arg(argument(option)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for DibOptions {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut given = Vec::new();
        for option in declared() {
            let id = option.id();
            let mut push = |value: String| {
                given.push(DibGiven { option, value, by: option.typed() });
            };
            match option.value {
                Some(_) => matches.get_one::<String>(id).into_iter().cloned().for_each(push),
                None if matches.get_count(id) > 0 => push(String::new()),
                None => {}
            }
        }
        Ok(Self { given })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::*;
    use crate::cli::{Cli, Verb};

    #[test]
    fn build_and_plan_know_every_option_of_disk_image_create() {
        let mut cli = Cli::command();
        cli.build();
        for verb in ["build", "plan"] {
            let verb = cli.find_subcommand(verb).unwrap();
            for option in &OPTIONS {
                let known = verb.get_arguments().any(|argument| {
                    let takes = argument.get_action().takes_values();
                    let short = option.short.is_none_or(|s| argument.get_short() == Some(s));
                    let long = option.long.is_none_or(|l| argument.get_long() == Some(l));
                    short && long && takes == option.value.is_some()
                });
                assert!(known, "{} has no {}", verb.get_name(), option.typed());
            }
        }
    }

    #[test]
    fn what_was_given_is_read_in_any_order_and_the_last_counts() {
        let line = "dibhost build --image-size 5 vm -xx debian -u --image-size=2.5 -n --checksum";
        let Verb::Build(args) = Cli::parse_from(line.split(' ')).verb else { panic!() };
        let given: Vec<_> = args
            .subject
            .options
            .dib
            .given
            .iter()
            .map(|g| (g.by.as_str(), g.value.as_str()))
            .collect();
        assert_eq!(
            given,
            [("-x", ""), ("-u", ""), ("--checksum", ""), ("--image-size", "2.5"), ("-n", "")]
        );
        assert_eq!(args.subject.what, ["vm", "debian"]);
    }
}
