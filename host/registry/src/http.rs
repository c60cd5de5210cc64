//! One download: redirects judged one by one, bytes as they are sent, bounds on size and patience.

use std::io::{Read as _, Write as _};
use std::time::Instant;

use dibhost_check::Check;
use dibhost_plan::remote;
use ureq::http::{HeaderMap, StatusCode, header};

use crate::error::FetchError;
use crate::fetch::Allowed;
use crate::outside::Way;
use crate::pace::{Pace, why_unreachable};
use crate::store::Draft;
use crate::transit::Transit;

/// More than any site needs; who has more goes round in a circle.
const REDIRECTS: usize = 10;
/// What is read at once.
const PART: usize = 128 << 10;

/// What is downloaded, and how.
pub(crate) struct Download<'a> {
    pub(crate) url: &'a str,
    pub(crate) most: u64,
    pub(crate) allowed: &'a Allowed,
    pub(crate) way: &'a Way,
    pub(crate) transit: &'a Transit,
}

impl Download<'_> {
    /// Writes what the URL is into the draft; again, where that may go better.
    pub(crate) fn write_to(&self, draft: &mut Draft) -> Result<(), FetchError> {
        let patience = self.way.outside.patience;
        let mut pause = patience.pause;
        let mut attempt = 1;
        loop {
            draft.clear().map_err(|e| self.keeping(&e))?;
            match self.once(draft) {
                Err(FetchError::Unreachable { passing: true, .. })
                    if attempt < patience.attempts => {}
                ended => return ended,
            }
            let until = Instant::now() + pause;
            while Instant::now() < until {
                self.transit.check()?;
                std::thread::sleep(std::time::Duration::from_millis(10).min(pause));
            }
            (attempt, pause) = (attempt + 1, pause * 2);
        }
    }

    fn once(&self, draft: &mut Draft) -> Result<(), FetchError> {
        let mut at = self.url.to_owned();
        for _ in 0..=REDIRECTS {
            let https = at.starts_with("https://");
            let agent = self.way.agent(https, remote::host_of(&at))?;
            self.transit.holds(&agent)?;
            let mut answer = agent.get(&at).call().map_err(|e| self.unreachable(&e))?;
            self.transit.check()?;
            let status = answer.status();
            if status.is_redirection() && status != StatusCode::NOT_MODIFIED {
                at = self.redirect(&at, answer.headers(), status)?;
                continue;
            }
            if status != StatusCode::OK {
                return Err(self.refused(status));
            }
            return self.body(answer.body_mut(), draft);
        }
        Err(FetchError::Redirect {
            url: self.url.to_owned(),
            to: at,
            why: format!("is more than {REDIRECTS} redirects away: they go round in a circle"),
            host: None,
        })
    }

    /// Where an answer leads, if it may lead there.
    fn redirect(
        &self,
        at: &str,
        headers: &HeaderMap,
        status: StatusCode,
    ) -> Result<String, FetchError> {
        let said = headers.get(header::LOCATION).map(|l| String::from_utf8_lossy(l.as_bytes()));
        let Some(said) = said else { return Err(self.refused(status)) };
        let refuse = |why: &str, host: Option<&str>| FetchError::Redirect {
            url: self.url.to_owned(),
            to: said.to_string(),
            why: why.to_owned(),
            host: host.map(str::to_owned),
        };
        let base = url::Url::parse(at).map_err(|e| refuse(&e.to_string(), None))?;
        let mut to = base.join(&said).map_err(|e| refuse(&format!("is no URL: {e}"), None))?;
        // A place within the file, which is no concern of the server's.
        to.set_fragment(None);
        let to = String::from(to);
        remote::redirect(&to).map_err(|why| refuse(&why, None))?;
        let unsafe_now = at.starts_with("https://") && !to.starts_with("https://");
        if unsafe_now && Check::FetchDowngrade.holds() {
            return Err(refuse("is not `https:` any more, where anybody can exchange it", None));
        }
        let host = remote::host_of(&to);
        if Check::FetchRedirect.holds() && !self.allowed.has(host) {
            return Err(refuse("is on a host that is not granted", Some(host)));
        }
        Ok(to)
    }

    fn body(&self, body: &mut ureq::Body, draft: &mut Draft) -> Result<(), FetchError> {
        let too_large = || FetchError::TooLarge { url: self.url.to_owned(), most: self.most };
        let length = body.content_length();
        if length.is_some_and(|length| length > self.most) {
            return Err(too_large());
        }
        let mut pace = Pace::new(self.way.outside.patience, 0);
        let mut reader = body.as_reader();
        let mut part = vec![0; PART];
        loop {
            let read = match reader.read(&mut part) {
                Ok(read) => read,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(e) => {
                    self.transit.check()?;
                    return Err(self.interrupted(&e, draft.written(), length));
                }
            };
            // A connection that was cut off from here ends as one that is through.
            self.transit.check()?;
            if read == 0 {
                break;
            }
            if draft.written() + read as u64 > self.most {
                return Err(too_large());
            }
            draft.write_all(&part[..read]).map_err(|e| self.keeping(&e))?;
            self.transit.tell(draft.written(), length);
            if let Some(why) = pace.too_slow(draft.written())
                && Check::FetchSlow.holds()
            {
                return Err(self.passing(why));
            }
        }
        match length {
            Some(length) if length != draft.written() => Err(self.passing(format!(
                "the server promised {length} bytes and sent {}",
                draft.written()
            ))),
            _ => Ok(()),
        }
    }

    fn passing(&self, why: String) -> FetchError {
        FetchError::Unreachable { url: self.url.to_owned(), why, passing: true }
    }

    fn interrupted(&self, error: &std::io::Error, sent: u64, of: Option<u64>) -> FetchError {
        let of = of.map(|of| format!(" of {of}")).unwrap_or_default();
        self.passing(format!("after {sent}{of} bytes: {error}"))
    }

    fn unreachable(&self, error: &ureq::Error) -> FetchError {
        if let Err(cancelled) = self.transit.check() {
            return cancelled;
        }
        let (why, passing) = why_unreachable(error);
        FetchError::Unreachable { url: self.url.to_owned(), why, passing }
    }

    fn refused(&self, status: StatusCode) -> FetchError {
        use StatusCode as S;
        let overloaded = matches!(
            status,
            S::TOO_MANY_REQUESTS | S::BAD_GATEWAY | S::SERVICE_UNAVAILABLE | S::GATEWAY_TIMEOUT
        );
        if overloaded {
            return self.passing(format!("the server answered {status}"));
        }
        FetchError::Status {
            url: self.url.to_owned(),
            status: status.to_string(),
            absent: matches!(status, S::NOT_FOUND | S::GONE),
        }
    }

    fn keeping(&self, error: &std::io::Error) -> FetchError {
        let shown = dibhost_text::harmless(self.url, 200);
        FetchError::machine(format!("keeping `{shown}`"), error)
    }
}
