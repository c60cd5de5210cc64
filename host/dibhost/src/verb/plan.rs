//! `dibhost plan`: everything a build would do.

use crate::cli::{Common, DataFormat, PlanArgs};
use crate::failure::Failure;
use crate::subject;

/// Plans, and shows the plan.
pub(crate) fn run(common: &Common, args: &PlanArgs) -> Result<(), Failure> {
    let resolved = subject::resolve(&args.subject)?;
    let library = super::library(common)?;
    let plan = super::planned(&resolved.definition, &library)?;
    match args.format {
        DataFormat::Text => super::show(&plan.to_text()),
        DataFormat::Json => {
            let json = serde_json::to_string_pretty(&plan).map_err(Failure::failed)?;
            super::show(&format!("{json}\n"))
        }
    }
}
