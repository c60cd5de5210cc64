//! What a plan promises, as a script that looks for it in a machine that runs the image.

mod accounts;
mod files;
mod machine;
mod packages;
mod script;

use crate::plan::Plan;
use script::Script;

/// A POSIX shell script that looks, as root, for each package, account, unit, file, kernel argument and mount
/// of the plan. It says each that is otherwise, with who wants it, and then ends with 1.
#[must_use]
pub fn script(plan: &Plan) -> String {
    let mut script = Script::new(&plan.image.name, &plan.digest);
    machine::system(plan, &mut script);
    packages::packages(plan, &mut script);
    accounts::groups(plan, &mut script);
    accounts::users(plan, &mut script);
    files::units(plan, &mut script);
    files::files(plan, &mut script);
    machine::kernel_arguments(plan, &mut script);
    machine::mounts(plan, &mut script);
    script.text()
}
