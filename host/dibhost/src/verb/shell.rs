//! `dibhost shell`: into the tree of an image, while it is made.

use std::process::ExitCode;

use dibhost_engine::around;
use dibhost_plan::Work;

use super::build::{no_action, prepare};
use crate::cli::ShellArgs;
use crate::failure::Failure;
use crate::in_tree::InTree;
use crate::report::Reporter;

/// Makes the tree as far as it is asked for, and opens a shell in it.
pub(crate) fn run(args: &ShellArgs, reporter: &Reporter) -> ExitCode {
    match shell(args, reporter) {
        // Statuses are 0 to 255.
        Ok(status) => ExitCode::from(u8::try_from(status).unwrap_or(1)),
        Err(failure) => {
            reporter.failure(failure.message());
            failure.code()
        }
    }
}

fn shell(args: &ShellArgs, reporter: &Reporter) -> Result<i32, Failure> {
    let mut visit = match &args.command {
        Some(command) => InTree::with_command(command, reporter),
        None => InTree::on_this_terminal("dibhost shell", reporter)?,
    }
    .with_network(args.network);
    let prepared = prepare(&args.subject, &args.making, reporter)?;
    let actions = &prepared.plan.actions;
    let stop = match &args.at {
        Some(name) => {
            let (before, behind) =
                around(actions, name).ok_or_else(|| no_action(&prepared.plan, name))?;
            if args.before { before } else { behind }
        }
        None => {
            let is_of_the_disk = |work: &Work| matches!(work, Work::Disk | Work::Output { .. });
            let first = actions.iter().position(|action| is_of_the_disk(&action.work));
            first.unwrap_or(actions.len())
        }
    };
    visit.stop_at(stop);
    prepared.carry_out(Some(&mut visit), reporter)?;
    Ok(visit.status())
}
