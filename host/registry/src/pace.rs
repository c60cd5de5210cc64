//! What holds a transfer up, and what may go better at another attempt.

use std::time::Instant;

use crate::outside::Patience;

/// Sees that bytes come as fast as they have to.
#[derive(Debug)]
pub(crate) struct Pace {
    patience: Patience,
    window: Instant,
    before: u64,
}

impl Pace {
    /// From now, `done` bytes being there.
    pub(crate) fn new(patience: Patience, done: u64) -> Self {
        Self { patience, window: Instant::now(), before: done }
    }

    /// Why it is too slow, `done` bytes being there now; none: it is not.
    pub(crate) fn too_slow(&mut self, done: u64) -> Option<String> {
        if self.window.elapsed() < self.patience.window {
            return None;
        }
        let slow = done - self.before < self.patience.least;
        (self.window, self.before) = (Instant::now(), done);
        slow.then(|| {
            format!(
                "the server sends less than {} bytes in {} s",
                self.patience.least,
                self.patience.window.as_secs()
            )
        })
    }
}

/// Why a request did not get an answer, and whether another attempt may go better.
pub(crate) fn why_unreachable(error: &ureq::Error) -> (String, bool) {
    use ureq::Error;
    match error {
        Error::HostNotFound => ("there is no host of that name".to_owned(), false),
        Error::Io(e) => (e.to_string(), e.kind() != std::io::ErrorKind::InvalidData),
        Error::Timeout(which) => (format!("no answer in time ({which})"), true),
        Error::ConnectionFailed => (error.to_string(), true),
        Error::ConnectProxyFailed(why) => (format!("the proxy does not connect: {why}"), false),
        // What is wrong with a certificate is as wrong at the next attempt.
        other => (other.to_string(), false),
    }
}
