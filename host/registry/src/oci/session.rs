//! Requests to one registry: who asks, where it may lead, and what an answer means.
//!
//! Credentials are for one registry, and go
//! * to it: the same scheme, host and port, and to nothing that it leads to;
//! * to the token service that it names, by `https:`; where the registry itself is without TLS, so that
//!   anybody may have written the name, only to one on its own host.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use data_encoding::BASE64;
use serde::Deserialize;
use ureq::Body;
use ureq::http::{HeaderMap, Method, Request, Response, StatusCode, header};
use url::Url;

use super::challenge::{Challenge, choose};
use super::error::RegistryError;
use super::logins::{Login, Logins, Secret};
use super::reference::Repository;
use crate::outside::Way;
use crate::pace::{Pace, why_unreachable};

/// More than any registry needs to a blob.
const REDIRECTS: usize = 5;
/// What is read at once.
const PART: usize = 128 << 10;
/// Of what a registry says to an error; what a token service says may be longer.
const ERROR_BYTES: u64 = 64 << 10;
const TOKEN_BYTES: u64 = 1 << 20;
/// Longer than this nobody is waited for because it says so.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Requests to one registry.
#[derive(Debug)]
pub(crate) struct Session {
    host: String,
    origin: Url,
    way: Way,
    logins: Logins,
    /// What a header `Authorization` has, by scope.
    proofs: Mutex<BTreeMap<String, Secret>>,
}

/// One request.
pub(crate) struct Ask<'a> {
    pub(crate) method: Method,
    pub(crate) url: Url,
    /// What it is about, for people.
    pub(crate) what: &'a str,
    /// `repository:NAME:pull`.
    pub(crate) scope: &'a str,
    pub(crate) headers: Vec<(header::HeaderName, String)>,
    pub(crate) body: Option<&'a [u8]>,
    /// Blobs lie elsewhere often.
    pub(crate) follow: bool,
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

#[derive(Deserialize)]
struct Errors {
    errors: Vec<OneError>,
}

#[derive(Deserialize)]
struct OneError {
    #[serde(default)]
    code: String,
    message: Option<String>,
    detail: Option<serde_json::Value>,
}

impl Session {
    pub(crate) fn new(
        host: &str,
        plain: bool,
        way: Way,
        logins: Logins,
    ) -> Result<Self, RegistryError> {
        let scheme = if plain { "http" } else { "https" };
        let origin = Url::parse(&format!("{scheme}://{host}/"))
            .map_err(|e| RegistryError::unsound(format!("the host `{host}`"), e.to_string()))?;
        Ok(Self { host: host.to_owned(), origin, way, logins, proofs: Mutex::default() })
    }

    /// `/v2/REPOSITORY/REST` of the registry.
    pub(crate) fn url(&self, repository: &Repository, rest: &str) -> Result<Url, RegistryError> {
        self.origin.join(&format!("v2/{}/{rest}", repository.path())).map_err(|e| {
            RegistryError::unsound(format!("the address of `{repository}`"), e.to_string())
        })
    }

    /// Whether a URL is of the registry itself.
    pub(crate) fn is_own(&self, url: &Url) -> bool {
        url.origin() == self.origin.origin()
    }

    /// Does it, and again where that may go better.
    pub(crate) fn patiently<T>(
        &self,
        mut job: impl FnMut() -> Result<T, RegistryError>,
    ) -> Result<T, RegistryError> {
        let patience = self.way.outside.patience;
        let mut pause = patience.pause;
        for _ in 1..patience.attempts {
            match job() {
                Err(RegistryError::Unreachable { passing: true, wait, .. }) => {
                    std::thread::sleep(wait.unwrap_or(pause).max(pause));
                }
                ended => return ended,
            }
            pause *= 2;
        }
        job()
    }

    /// When to give up.
    pub(crate) fn patience(&self) -> crate::outside::Patience {
        self.way.outside.patience
    }

    /// Sends a request, once; who asks is said where the registry wants to know.
    pub(crate) fn send(&self, ask: &Ask<'_>) -> Result<Response<Body>, RegistryError> {
        let known = self.proof(ask.scope);
        let (mut answer, own) = self.follow(ask, known.as_deref())?;
        if answer.status() != StatusCode::UNAUTHORIZED || !own {
            return self.judge(ask, answer, known.is_some());
        }
        let Some(proof) = self.prove(ask, answer.headers())? else {
            let said = self.said(&mut answer);
            return Err(RegistryError::Denied { what: ask.what.to_owned(), known: false, said });
        };
        let (answer, _) = self.follow(ask, Some(&proof))?;
        if answer.status() == StatusCode::UNAUTHORIZED {
            self.proofs().remove(ask.scope);
        }
        self.judge(ask, answer, true)
    }

    fn proofs(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Secret>> {
        self.proofs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn proof(&self, scope: &str) -> Option<String> {
        self.proofs().get(scope).map(|proof| proof.reveal().to_owned())
    }

    /// The answer, and whether it is the registry's own.
    fn follow(
        &self,
        ask: &Ask<'_>,
        proof: Option<&str>,
    ) -> Result<(Response<Body>, bool), RegistryError> {
        let mut at = ask.url.clone();
        for _ in 0..=REDIRECTS {
            let own = self.is_own(&at);
            let mut request = Request::builder().method(ask.method.clone()).uri(at.as_str());
            for (name, value) in &ask.headers {
                request = request.header(name, value);
            }
            if let Some(proof) = proof.filter(|_| own) {
                request = request.header(header::AUTHORIZATION, proof);
            }
            let answer = self.exchange(ask.what, &at, request, ask.body)?;
            let status = answer.status();
            if !status.is_redirection() || status == StatusCode::NOT_MODIFIED {
                return Ok((answer, own));
            }
            at = self.redirect(ask, &at, answer.headers())?;
        }
        Err(RegistryError::Redirect {
            what: ask.what.to_owned(),
            to: at.into(),
            why: "is more than 5 redirects away: they go round in a circle",
        })
    }

    /// Where an answer leads, if it may lead there.
    fn redirect(&self, ask: &Ask<'_>, at: &Url, headers: &HeaderMap) -> Result<Url, RegistryError> {
        let said = headers.get(header::LOCATION).map(|l| String::from_utf8_lossy(l.as_bytes()));
        let said = said.unwrap_or_default();
        let refuse =
            |to: String, why| Err(RegistryError::Redirect { what: ask.what.to_owned(), to, why });
        let Ok(mut to) = at.join(&said) else {
            return refuse(said.into_owned(), "is no URL");
        };
        to.set_fragment(None);
        if !ask.follow {
            return refuse(to.into(), "is elsewhere, and only blobs may lie elsewhere");
        }
        if !to.username().is_empty() || to.password().is_some() {
            return refuse(to.into(), "has a user or a password in it");
        }
        match to.scheme() {
            "https" => Ok(to),
            "http" if self.is_own(&to) => Ok(to),
            "http" => refuse(to.into(), "is not `https:`, so that anybody can exchange it"),
            _ => refuse(to.into(), "is neither `https:` nor `http:`"),
        }
    }

    /// One request and its answer.
    fn exchange(
        &self,
        what: &str,
        at: &Url,
        request: ureq::http::request::Builder,
        body: Option<&[u8]>,
    ) -> Result<Response<Body>, RegistryError> {
        let agent = self.way.agent(at.scheme() == "https", at.host_str().unwrap_or_default())?;
        let odd = |e: ureq::http::Error| RegistryError::unsound(what, e.to_string());
        let answer = match body {
            Some(body) => agent.run(request.body(body).map_err(odd)?),
            None => agent.run(request.body(()).map_err(odd)?),
        };
        answer.map_err(|error| {
            let (why, passing) = why_unreachable(&error);
            RegistryError::Unreachable { what: what.to_owned(), why, passing, wait: None }
        })
    }

    /// Whether an answer is one.
    fn judge(
        &self,
        ask: &Ask<'_>,
        mut answer: Response<Body>,
        known: bool,
    ) -> Result<Response<Body>, RegistryError> {
        use StatusCode as S;
        let status = answer.status();
        if status.is_success() {
            let kind = answer.headers().get(header::CONTENT_TYPE);
            let html = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
            if html && ask.method == Method::GET {
                let why =
                    "a page of HTML was sent: some login or proxy may stand before the registry";
                return Err(RegistryError::unsound(ask.what, why));
            }
            return Ok(answer);
        }
        let what = ask.what.to_owned();
        let wait = retry_after(answer.headers());
        let said = self.said(&mut answer);
        Err(match status {
            S::UNAUTHORIZED | S::FORBIDDEN => RegistryError::Denied { what, known, said },
            S::NOT_FOUND | S::GONE => RegistryError::Absent { what, said },
            S::TOO_MANY_REQUESTS
            | S::INTERNAL_SERVER_ERROR
            | S::BAD_GATEWAY
            | S::SERVICE_UNAVAILABLE
            | S::GATEWAY_TIMEOUT => {
                let said = if said.is_empty() { said } else { format!(": {said}") };
                let why = format!("the registry answered {status}{said}");
                RegistryError::Unreachable { what, why, passing: true, wait }
            }
            _ => RegistryError::Refused { what, status: status.to_string(), said },
        })
    }

    /// What a registry says to an error: codes and messages as the specification has them.
    fn said(&self, answer: &mut Response<Body>) -> String {
        let mut bytes = Vec::new();
        let read = self.read("an error", answer.body_mut(), ERROR_BYTES, &mut |part| {
            bytes.extend_from_slice(part);
            Ok(())
        });
        let Ok(read) = read.and_then(|_| {
            serde_json::from_slice::<Errors>(&bytes)
                .map_err(|e| RegistryError::unsound("an error", e.to_string()))
        }) else {
            return String::new();
        };
        let one = |error: OneError| {
            let detail = error.detail.filter(|d| d.is_string() || d.is_object());
            let detail = detail.map(|d| format!(" ({d})")).unwrap_or_default();
            format!("{} {}{detail}", error.code, error.message.unwrap_or_default())
        };
        let said: Vec<String> = read.errors.into_iter().take(3).map(one).collect();
        dibhost_text::harmless(said.join("; ").trim(), 300)
    }

    /// Gives a body to `into`, part by part, `most` bytes of it at the most; how many they were.
    pub(crate) fn read(
        &self,
        what: &str,
        body: &mut Body,
        most: u64,
        into: &mut dyn FnMut(&[u8]) -> Result<(), RegistryError>,
    ) -> Result<u64, RegistryError> {
        let too_large = || RegistryError::TooLarge { what: what.to_owned(), most };
        let length = body.content_length();
        if length.is_some_and(|length| length > most) {
            return Err(too_large());
        }
        let passing = |why: String| RegistryError::Unreachable {
            what: what.to_owned(),
            why,
            passing: true,
            wait: None,
        };
        let mut pace = Pace::new(self.patience(), 0);
        let mut reader = body.as_reader();
        let mut part = vec![0; PART];
        let mut done = 0;
        loop {
            let read = match reader.read(&mut part) {
                Ok(0) => break,
                Ok(read) => read,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(e) => {
                    let of = length.map(|of| format!(" of {of}")).unwrap_or_default();
                    return Err(passing(format!("after {done}{of} bytes: {e}")));
                }
            };
            done += read as u64;
            if done > most {
                return Err(too_large());
            }
            into(&part[..read])?;
            if let Some(why) = pace.too_slow(done) {
                return Err(passing(why));
            }
        }
        match length {
            Some(length) if length != done => {
                Err(passing(format!("the registry promised {length} bytes and sent {done}")))
            }
            _ => Ok(done),
        }
    }

    /// What is sent from now on for who asks; none: there is nothing to say.
    fn prove(&self, ask: &Ask<'_>, headers: &HeaderMap) -> Result<Option<String>, RegistryError> {
        let values = headers.get_all(header::WWW_AUTHENTICATE);
        let Some(challenge) = choose(values.iter().filter_map(|value| value.to_str().ok())) else {
            return Ok(None);
        };
        let login = self.logins.of(&self.host)?;
        let proof = match (challenge, login) {
            (Challenge::Basic, None) => return Ok(None),
            (Challenge::Basic, Some(Login::Password(user, password))) => basic(&user, &password),
            (_, Some(Login::Registry(token))) => format!("Bearer {}", token.reveal()),
            (Challenge::Basic, Some(Login::Identity(_))) => {
                return Err(self.credentials(
                    "they are an identity token, and the registry wants a user and a password",
                ));
            }
            (Challenge::Bearer { realm, service }, login) => {
                let token = self.token(ask, &realm, service.as_deref(), login.as_ref())?;
                format!("Bearer {}", token.reveal())
            }
        };
        if !proof.bytes().all(|b| b.is_ascii_graphic() || b == b' ') {
            return Err(self.credentials("what they are made of does not go into a header"));
        }
        self.proofs().insert(ask.scope.to_owned(), Secret::new(proof.clone()));
        Ok(Some(proof))
    }

    fn credentials(&self, why: impl Into<String>) -> RegistryError {
        RegistryError::Credentials { host: self.host.clone(), why: why.into() }
    }

    /// Asks the token service. Nobody follows where it leads: credentials were sent.
    fn token(
        &self,
        ask: &Ask<'_>,
        realm: &str,
        service: Option<&str>,
        login: Option<&Login>,
    ) -> Result<Secret, RegistryError> {
        let shown = dibhost_text::harmless(realm, 200);
        let mut url = Url::parse(realm).map_err(|_| {
            self.credentials(format!(
                "the registry names the token service `{shown}`, which is no URL"
            ))
        })?;
        self.check_realm(&url, login.is_some())
            .map_err(|why| self.credentials(format!("the token service `{shown}` {why}")))?;
        let what = format!("a token of `{shown}`");
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        let request = match login {
            Some(Login::Identity(token)) => {
                form.append_pair("grant_type", "refresh_token");
                form.append_pair("client_id", "dibhost");
                form.append_pair("scope", ask.scope);
                form.append_pair("refresh_token", token.reveal());
                if let Some(service) = service {
                    form.append_pair("service", service);
                }
                Request::builder()
                    .method(Method::POST)
                    .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            }
            _ => {
                let mut pairs = url.query_pairs_mut();
                if let Some(service) = service {
                    pairs.append_pair("service", service);
                }
                pairs.append_pair("scope", ask.scope);
                drop(pairs);
                let request = Request::builder().method(Method::GET);
                match login {
                    Some(Login::Password(user, password)) => {
                        request.header(header::AUTHORIZATION, basic(user, password))
                    }
                    _ => request,
                }
            }
        };
        let form = zeroize::Zeroizing::new(form.finish());
        let body = (!form.is_empty()).then_some(form.as_bytes());
        let mut answer = self.exchange(&what, &url, request.uri(url.as_str()), body)?;
        let status = answer.status();
        if status.is_redirection() {
            return Err(self.credentials(format!(
                "the token service `{shown}` leads elsewhere, where credentials do not go"
            )));
        }
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            let (what, said) = (ask.what.to_owned(), self.said(&mut answer));
            return Err(RegistryError::Denied { what, known: login.is_some(), said });
        }
        if !status.is_success() {
            let passing = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
            let why = format!("the token service answered {status}");
            let wait = retry_after(answer.headers());
            return Err(RegistryError::Unreachable { what, why, passing, wait });
        }
        let mut bytes = zeroize::Zeroizing::new(Vec::new());
        self.read(&what, answer.body_mut(), TOKEN_BYTES, &mut |part| {
            bytes.extend_from_slice(part);
            Ok(())
        })?;
        let token: Token = serde_json::from_slice(&bytes)
            .map_err(|_| RegistryError::unsound(&what, "it is no JSON with a `token` in it"))?;
        let token = token.token.or(token.access_token).filter(|token| !token.is_empty());
        token
            .map(Secret::new)
            .ok_or_else(|| RegistryError::unsound(&what, "there is no `token` in the answer"))
    }

    /// Whether a token service may be asked, and be told who asks.
    fn check_realm(&self, realm: &Url, credentials: bool) -> Result<(), &'static str> {
        if !realm.username().is_empty() || realm.password().is_some() {
            return Err("has a user or a password in its address");
        }
        let plain = self.origin.scheme() == "http";
        match realm.scheme() {
            "https" => {}
            "http" if plain => {}
            "http" => return Err("is not asked by `https:`"),
            _ => return Err("is asked neither by `https:` nor by `http:`"),
        }
        if credentials && plain && realm.host_str() != self.origin.host_str() {
            return Err(
                "is on another host, which a registry without TLS is not believed: credentials do \
                 not go there",
            );
        }
        Ok(())
    }
}

fn basic(user: &str, password: &Secret) -> String {
    let both = zeroize::Zeroizing::new(format!("{user}:{}", password.reveal()));
    format!("Basic {}", BASE64.encode(both.as_bytes()))
}

/// Seconds; a date is not waited for.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
}
