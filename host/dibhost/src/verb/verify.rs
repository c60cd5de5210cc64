//! `dibhost verify`: a script that looks in a running machine for what its image promises.

use crate::cli::VerifyArgs;
use crate::failure::Failure;
use crate::report::Reporter;
use crate::stock::Stock;
use crate::subject::Asked;

/// Plans, and writes the script.
pub(crate) fn run(args: &VerifyArgs, reporter: &Reporter) -> Result<(), Failure> {
    let asked = Asked::of(&args.subject, reporter)?;
    let elements = asked.elements(&args.elements);
    let library = super::library(&elements)?;
    let stock = Stock::offline(&elements);
    let resolved = asked.resolve(&library, &|d| stock.fill(d, &library), reporter)?;
    let inputs = super::inputs(&resolved.definition, &elements);
    let plan = super::planned(&resolved.definition, &library, &stock, inputs)?;
    super::show(&dibhost_plan::probe(&plan))
}
