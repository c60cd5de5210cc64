//! Two threads: one is on the network, where a call may take as long as a server likes, and one
//! waits, sees that the build is cancelled or its time is over, and then cuts the other off.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dibhost_sys::Cancel;
use ureq::Agent;

use crate::error::FetchError;
use crate::fetch::Watch;

/// How often the one who waits looks up.
const LOOK: Duration = Duration::from_millis(20);
/// So many looks from one word of progress to the next.
const TOLD: u32 = 10;
/// What was cut off ends within milliseconds; only a name that is being resolved cannot be cut
/// off. It is left to itself then, and ends by its own time.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What both threads know.
#[derive(Debug, Default)]
pub(crate) struct Transit {
    /// Thrown when it is to end: ends programs that hold it, and is looked at between reads.
    pub(crate) ended: Cancel,
    /// Whose connections are open now.
    agent: Mutex<Option<Agent>>,
    done: AtomicU64,
    /// 0: nobody said.
    total: AtomicU64,
}

impl Transit {
    /// Whether to go on.
    pub(crate) fn check(&self) -> Result<(), FetchError> {
        self.ended.check().map_err(|_| FetchError::Cancelled)
    }

    /// Has the connections of an agent closed when it is to end.
    pub(crate) fn holds(&self, agent: &Agent) -> Result<(), FetchError> {
        let mut held = self.agent.lock().unwrap_or_else(PoisonError::into_inner);
        self.check()?;
        *held = Some(agent.clone());
        Ok(())
    }

    /// Says how far it is.
    pub(crate) fn tell(&self, done: u64, total: Option<u64>) {
        self.done.store(done, Ordering::Relaxed);
        self.total.store(total.unwrap_or(0), Ordering::Relaxed);
    }

    fn end(&self) {
        self.ended.cancel();
        let held = self.agent.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(agent) = held {
            agent.shutdown();
        }
    }

    fn told(&self) -> (u64, Option<u64>) {
        let total = self.total.load(Ordering::Relaxed);
        (self.done.load(Ordering::Relaxed), (total > 0).then_some(total))
    }
}

/// Does `job` on a thread of its own and waits for it, as long as `watch` lets it.
pub(crate) fn attend<T: Send + 'static>(
    watch: &mut Watch<'_>,
    job: impl FnOnce(&Transit) -> Result<T, FetchError> + Send + 'static,
) -> Result<T, FetchError> {
    watch.check()?;
    let transit = Arc::new(Transit::default());
    let (answer, wait) = sync_channel(1);
    let on_network = Arc::clone(&transit);
    std::thread::Builder::new()
        .name("fetch".to_owned())
        .spawn(move || {
            // Nobody waits any more for what took too long to end.
            let _ = answer.send(job(&on_network));
        })
        .map_err(|e| FetchError::machine("starting a thread that fetches", e))?;
    let mut looks = 0;
    loop {
        match wait.recv_timeout(LOOK) {
            Ok(answer) => return answer,
            Err(RecvTimeoutError::Disconnected) => {
                return Err(FetchError::machine("fetching", "its thread ended without an answer"));
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
        if let Err(over) = watch.check() {
            transit.end();
            let _ = wait.recv_timeout(LAST_WORDS);
            return Err(over);
        }
        looks += 1;
        if looks % TOLD == 0 {
            let (done, total) = transit.told();
            (watch.progress)(done, total);
        }
    }
}
