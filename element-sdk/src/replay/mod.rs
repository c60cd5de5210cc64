//! A recorded step, replayed natively: the element is given the answers that a real host gave, and
//! has to ask for the same in the same order. No tree, no root, no wasm.
//!
//! An element reaches [`imports`] by the same code ([`crate::host::guest`]) by which a component
//! reaches its imports, so that both make the same calls of one source.

pub(crate) mod imports;
mod record;
pub(crate) mod tape;
mod wire;

use std::path::Path;

pub use record::Ending;
use record::{Half, Record};

use crate::element::Element;
use crate::error::{Error, ErrorCode, Result};
use crate::host::Build;
use crate::outcome::Outcome;
use crate::phase::Phase;
use crate::step as calls;
use crate::test_host::TestHost;

/// What a replay came to: the same as the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replayed {
    /// The phase.
    pub phase: Phase,
    /// Calls of host functions, all as recorded.
    pub calls: usize,
    /// How it ended.
    pub ending: Ending,
}

impl TestHost {
    /// Runs an element on what `dibhost element run … --record FILE` wrote: the half of the step
    /// and the phase that were recorded, each call of the host compared with the record and
    /// answered from it. A path that is not absolute is below the package's folder, as cargo runs
    /// tests there.
    ///
    /// # Errors
    /// When the file is no record of this element, or the element does anything else than was
    /// recorded: both calls are told.
    ///
    /// # Panics
    /// When the element does.
    pub fn replay<E: Element>(file: impl AsRef<Path>) -> Result<Replayed> {
        let file = file.as_ref();
        let record = Record::load(file)?;
        let name = calls::describe::<E>().name;
        let wrong = |message| Error::with_code(ErrorCode::Conflict, message);
        if record.element != name {
            let of = &record.element;
            return Err(wrong(format!(
                "`{}` is a record of `{of}` and not of `{name}`",
                file.display()
            )));
        }
        let Some(phase) = Phase::named(&record.phase) else {
            let phase = &record.phase;
            return Err(wrong(format!(
                "`{}` is of a phase `{phase}`, which there is not",
                file.display()
            )));
        };
        let step = record.step.as_deref().unwrap_or(phase.name());
        let count = record.calls.len();
        let played = tape::play(record.calls, || {
            let lent = imports::host::Build::lent();
            let build = Build::replayed(&lent);
            match record.half {
                Half::Plan => calls::plan::<E>(step, build).map(|_| Outcome::Done),
                Half::Run => calls::run::<E>(step, build),
            }
        });
        let ending = match played {
            Ok(Ok(Outcome::Done)) => Ending::Done,
            Ok(Ok(Outcome::Skipped(why))) => Ending::Skipped(why),
            Ok(Err(error)) => Ending::Failed(error.message.trim_end().to_owned()),
            Err(tape::Ended::AsRecorded) => record.ending.clone(),
            Err(tape::Ended::Differs(how)) => {
                return Err(wrong(format!("`{name}` {how}"))
                    .help("Mend the element; or record it anew, when this is what it is to do."));
            }
        };
        if ending != record.ending {
            let (before, now) = (record.ending.shown(), ending.shown());
            return Err(wrong(format!(
                "`{name}` ends otherwise than its record: it {before}, and now it {now}"
            )));
        }
        Ok(Replayed { phase, calls: count, ending })
    }
}
