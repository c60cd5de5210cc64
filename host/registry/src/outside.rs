//! How this machine gets outside: proxies, whom it trusts, and how patient it is.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use dibhost_plan::planner::BuilderSurroundings;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};
use ureq::{Agent, Proxy};

use crate::error::FetchError;

/// The machine's way outside.
#[derive(Debug, Clone, Default)]
pub struct Outside {
    /// Proxy for `http:`: `http://HOST:PORT`, with a user and a password where it wants them.
    pub http_proxy: Option<String>,
    /// Proxy for `https:`.
    pub https_proxy: Option<String>,
    /// Hosts that go without; one of a domain stands for all in it, `*` for all there are.
    pub no_proxy: Vec<String>,
    /// Certificates of those who are trusted, in PEM; none: the system's.
    pub certificates: Option<PathBuf>,
    /// When to give up.
    pub patience: Patience,
}

/// How long a server may take.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Until it is connected, the name resolved and TLS agreed on.
    pub connect: Duration,
    /// Until the next byte.
    pub silence: Duration,
    /// What is looked at for its speed.
    pub window: Duration,
    /// Bytes that have to come within it.
    pub least: u64,
    /// How often it is tried where another attempt may go better.
    pub attempts: u32,
    /// Before the second attempt; twice as long before each further one.
    pub pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            // apt's own: `Acquire::http::ConnectionAttemptDelayMsec` and `Timeout` come to as much.
            connect: Duration::from_secs(30),
            silence: Duration::from_secs(60),
            // A modem of 1990 was faster; what is slower only wants to hold a connection.
            window: Duration::from_secs(60),
            least: 60_000,
            attempts: 3,
            pause: Duration::from_millis(500),
        }
    }
}

impl Outside {
    /// As the builder's surroundings say.
    #[must_use]
    pub fn of(builder: &BuilderSurroundings) -> Self {
        Self {
            http_proxy: builder.http_proxy.clone(),
            https_proxy: builder.https_proxy.clone(),
            no_proxy: builder.no_proxy.clone(),
            ..Self::default()
        }
    }

    /// The proxy for a host; none: it is asked itself.
    pub(crate) fn proxy_for(&self, https: bool, host: &str) -> Option<&str> {
        let proxy = if https { &self.https_proxy } else { &self.http_proxy };
        proxy.as_deref().filter(|_| !self.goes_without(host))
    }

    fn goes_without(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        self.no_proxy.iter().any(|entry| {
            let entry = entry.to_ascii_lowercase();
            let domain = entry.trim_start_matches('*').trim_start_matches('.');
            entry == "*"
                || (!domain.is_empty()
                    && (host == domain
                        || host.strip_suffix(domain).is_some_and(|above| above.ends_with('.'))))
        })
    }
}

/// Agents that go outside in that way. Those who are trusted are read once, when they are needed.
#[derive(Debug)]
pub(crate) struct Way {
    pub(crate) outside: Outside,
    trusted: OnceLock<Arc<Vec<Certificate<'static>>>>,
}

impl Way {
    pub(crate) fn new(outside: Outside) -> Self {
        Self { outside, trusted: OnceLock::new() }
    }

    /// An agent for one request to a host.
    pub(crate) fn agent(&self, https: bool, host: &str) -> Result<Agent, FetchError> {
        let Patience { connect, silence, .. } = self.outside.patience;
        let proxy = self.outside.proxy_for(https, host).map(|proxy| {
            // The proxy may have a password in it, which is not said.
            Proxy::new(proxy).map_err(|_| {
                let variable = if https { "https_proxy" } else { "http_proxy" };
                let why = "it is no address of a proxy, as `http://HOST:PORT` is";
                FetchError::machine(format!("reading the variable `{variable}`"), why)
            })
        });
        let mut config = Agent::config_builder()
            .proxy(proxy.transpose()?)
            .http_status_as_error(false)
            // Where it leads is judged here.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_idle_connections(0)
            .user_agent(concat!("dibhost/", env!("CARGO_PKG_VERSION")))
            .accept("*/*")
            .accept_encoding("identity")
            .max_response_header_size(64 << 10)
            .timeout_resolve(Some(connect))
            .timeout_connect(Some(connect))
            .timeout_send_request(Some(silence))
            .timeout_recv_response(Some(silence))
            .timeout_per_read(Some(silence))
            .timeout_per_write(Some(silence));
        if https {
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let tls = TlsConfig::builder()
                .provider(TlsProvider::Rustls)
                .unversioned_rustls_crypto_provider(provider)
                .root_certs(RootCerts::Specific(self.trusted()?))
                .build();
            config = config.tls_config(tls);
        }
        Ok(config.build().new_agent())
    }

    fn trusted(&self) -> Result<Arc<Vec<Certificate<'static>>>, FetchError> {
        if let Some(trusted) = self.trusted.get() {
            return Ok(Arc::clone(trusted));
        }
        let doing = "reading whose certificates are trusted";
        let read: Vec<Certificate<'static>> = match &self.outside.certificates {
            Some(path) => {
                let doing = || format!("{doing}, in `{}`", path.display());
                let pem = std::fs::read(path).map_err(|e| FetchError::machine(doing(), e))?;
                let mut read = Vec::new();
                for item in parse_pem(&pem) {
                    let item = item.map_err(|e| FetchError::machine(doing(), e))?;
                    if let PemItem::Certificate(certificate) = item {
                        read.push(certificate);
                    }
                }
                read
            }
            None => {
                let native = rustls_native_certs::load_native_certs();
                let owned = |der: &rustls::pki_types::CertificateDer<'_>| {
                    Certificate::from_der(der.as_ref()).to_owned()
                };
                native.certs.iter().map(owned).collect()
            }
        };
        if read.is_empty() {
            return Err(FetchError::machine(
                doing,
                "there are none; Debian's are in the package `ca-certificates`, and `SSL_CERT_FILE` \
                 names a file of your own",
            ));
        }
        Ok(Arc::clone(self.trusted.get_or_init(|| Arc::new(read))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_that_go_without_a_proxy_are_those_of_the_list_and_below() {
        let outside = |list: &[&str]| Outside {
            https_proxy: Some("http://proxy.example:3128".to_owned()),
            no_proxy: list.iter().map(|e| (*e).to_owned()).collect(),
            ..Outside::default()
        };
        for (list, host, without) in [
            (&["example.org"][..], "example.org", true),
            (&["example.org"], "www.Example.org", true),
            (&["example.org"], "badexample.org", false),
            (&[".example.org"], "a.example.org", true),
            (&["*.example.org"], "a.example.org", true),
            (&["", "localhost"], "example.org", false),
            (&["*"], "anything.example", true),
            (&["127.0.0.1"], "127.0.0.1", true),
        ] {
            let outside = outside(list);
            assert_eq!(outside.proxy_for(true, host).is_none(), without, "{list:?} {host}");
            assert_eq!(outside.proxy_for(false, host), None, "`http_proxy` is not set");
        }
    }

    #[test]
    fn what_is_no_proxy_is_not_said_for_its_password() {
        let https_proxy = Some("http://user:hunter2@".to_owned());
        let way = Way::new(Outside { https_proxy, ..Outside::default() });
        let said = way.agent(true, "example.org").unwrap_err().to_string();
        assert!(said.contains("`https_proxy`") && !said.contains("hunter2"), "{said}");
    }
}
