//! Who somebody is to a registry, by docker's own files and programs: `config.json` with `auths`,
//! `credHelpers`, `credsStore`, and identity tokens.
//!
//! Source: docker/cli `cli/config/configfile` and docker-credential-helpers. There is a crate for it
//! (`docker_credential`), which reads files and what helpers say without end and waits for helpers for
//! ever; so it is said here, in little more than the formats.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::error::RegistryError;

/// Of `config.json`.
const CONFIG_BYTES: u64 = 1 << 20;
/// Of what a helper says; tokens of some clouds have several KiB.
const HELPER_BYTES: u64 = 256 << 10;
/// A helper may ask a person to touch a key.
const HELPER_TIME: Duration = Duration::from_secs(60);

/// Where credentials are looked for.
#[derive(Debug, Clone, Default)]
pub struct Logins {
    folder: Option<PathBuf>,
}

/// A text that is never shown.
pub(crate) struct Secret(Zeroizing<String>);

impl Secret {
    pub(crate) fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// What somebody has for a registry.
#[derive(Debug)]
pub(crate) enum Login {
    /// A user and a password.
    Password(String, Secret),
    /// A token of the token service, which gives others for it.
    Identity(Secret),
    /// A token of the registry itself.
    Registry(Secret),
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Config {
    auths: BTreeMap<String, Entry>,
    cred_helpers: BTreeMap<String, String>,
    creds_store: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
    registrytoken: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Said {
    username: String,
    secret: String,
}

impl Logins {
    /// Nobody is anybody.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// By the `config.json` of a folder (`DOCKER_CONFIG`, `~/.docker`), which need not be there.
    #[must_use]
    pub fn in_folder(folder: PathBuf) -> Self {
        Self { folder: Some(folder) }
    }

    /// What there is for a registry, `HOST[:PORT]`; none: nothing.
    pub(crate) fn of(&self, host: &str) -> Result<Option<Login>, RegistryError> {
        let Some(folder) = &self.folder else { return Ok(None) };
        let file = folder.join("config.json");
        let failed = |why: String| RegistryError::Credentials {
            host: host.to_owned(),
            why: format!("reading `{}`: {why}", file.display()),
        };
        let bytes = match dibhost_sys::read_regular(&file, CONFIG_BYTES) {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error.to_string())),
        };
        // What the parser says may have a password in it.
        let config: Config = serde_json::from_slice(&bytes).map_err(|e| {
            failed(format!(
                "it is no JSON as docker writes it (line {}, column {})",
                e.line(),
                e.column()
            ))
        })?;
        let by_host = |name: &&String| host_of(name) == host;
        let helper = config.cred_helpers.keys().find(by_host).map(|key| &config.cred_helpers[key]);
        if let Some(helper) = helper {
            return self.ask(helper, host);
        }
        if let Some(store) = config.creds_store.as_ref().filter(|store| !store.is_empty())
            && let Some(login) = self.ask(store, host)?
        {
            return Ok(Some(login));
        }
        match config.auths.iter().find(|(name, _)| host_of(name) == host) {
            Some((_, entry)) => entry.login().map_err(failed),
            None => Ok(None),
        }
    }

    /// Asks `docker-credential-NAME`.
    fn ask(&self, name: &str, host: &str) -> Result<Option<Login>, RegistryError> {
        let failed = |why: String| RegistryError::Credentials {
            host: host.to_owned(),
            why: format!("`docker-credential-{}` {why}", dibhost_text::harmless(name, 60)),
        };
        let inside = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        if name.is_empty() || !name.bytes().all(inside) {
            return Err(failed("is no name of a program".to_owned()));
        }
        let program = format!("docker-credential-{name}");
        let (status, said) =
            answer_of(Command::new(program).arg("get"), host, HELPER_TIME).map_err(failed)?;
        if !status.success() {
            // As the helpers of docker say it, on their standard output.
            let nothing = String::from_utf8_lossy(&said).contains("credentials not found");
            return if nothing { Ok(None) } else { Err(failed(format!("failed ({status})"))) };
        }
        let said: Said = serde_json::from_slice(&said).map_err(|_| {
            failed("does not answer as a credential helper of docker does".to_owned())
        })?;
        let secret = Secret::new(said.secret);
        Ok(Some(match said.username.as_str() {
            "<token>" => Login::Identity(secret),
            _ => Login::Password(said.username, secret),
        }))
    }
}

/// How a program ended that was told a host, and what it said, within a time; else a sentence part.
fn answer_of(
    command: &mut Command,
    host: &str,
    time: Duration,
) -> Result<(ExitStatus, Zeroizing<Vec<u8>>), String> {
    let until = Instant::now() + time;
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| format!("cannot be started: {e}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // Who does not want to know it ends by itself.
        let _ = stdin.write_all(host.as_bytes());
    }
    let (answer, wait) = mpsc::sync_channel(1);
    if let Some(stdout) = child.stdout.take() {
        std::thread::spawn(move || {
            let mut said = Zeroizing::new(Vec::new());
            let read = stdout.take(HELPER_BYTES + 1).read_to_end(&mut said);
            let _ = answer.send(read.map(|_| said));
        });
    }
    let said = wait.recv_timeout(time);
    let too_much = matches!(&said, Ok(Ok(said)) if said.len() as u64 > HELPER_BYTES);
    while said.is_ok() && !too_much && Instant::now() < until {
        if let Ok(Some(status)) = child.try_wait() {
            return match said {
                Ok(Ok(said)) => Ok((status, said)),
                _ => Err("did not answer".to_owned()),
            };
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let _ = child.kill();
    let _ = child.wait();
    Err(match too_much {
        true => "says more than anybody's credentials are".to_owned(),
        false => "did not answer in time".to_owned(),
    })
}

impl Entry {
    fn login(&self) -> Result<Option<Login>, String> {
        let said = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        if let Some(token) = said(&self.identitytoken) {
            return Ok(Some(Login::Identity(Secret::new(token))));
        }
        if let Some(token) = said(&self.registrytoken) {
            return Ok(Some(Login::Registry(Secret::new(token))));
        }
        if let Some(auth) = said(&self.auth) {
            let odd = || "an `auth` in it is not base64 of `USER:PASSWORD`".to_owned();
            let decoded = BASE64.decode(auth.as_bytes()).map_err(|_| odd())?;
            let text = Zeroizing::new(String::from_utf8(decoded).map_err(|_| odd())?);
            let (user, password) = text.split_once(':').ok_or_else(odd)?;
            // Docker ends passwords with NULs.
            let password = password.trim_end_matches('\0').to_owned();
            return Ok(Some(Login::Password(user.to_owned(), Secret::new(password))));
        }
        Ok(match (said(&self.username), said(&self.password)) {
            (Some(user), Some(password)) => Some(Login::Password(user, Secret::new(password))),
            _ => None,
        })
    }
}

/// The host that a key of `auths` or `credHelpers` means: older ones are URLs.
fn host_of(key: &str) -> String {
    let key = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    key.split('/').next().unwrap_or_default().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logins(config: &str) -> (tempfile::TempDir, Logins) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.json"), config).unwrap();
        let logins = Logins::in_folder(folder.path().to_owned());
        (folder, logins)
    }

    fn shown(login: Option<Login>) -> String {
        match login {
            None => "none".to_owned(),
            Some(Login::Password(user, password)) => format!("{user} {}", password.reveal()),
            Some(Login::Identity(token)) => format!("identity {}", token.reveal()),
            Some(Login::Registry(token)) => format!("registry {}", token.reveal()),
        }
    }

    #[test]
    fn docker_s_file_says_who_somebody_is_where() {
        let auth = |text: &str| BASE64.encode(text.as_bytes());
        let config = format!(
            r#"{{"auths":{{
                "a.example":{{"auth":"{}"}},
                "https://b.example/v2/":{{"auth":"{}"}},
                "c.example:5000":{{"identitytoken":"long","auth":"{}"}},
                "d.example":{{"username":"u","password":"p"}},
                "e.example":{{}}, "f.example":{{"registrytoken":"r"}}
            }},"HttpHeaders":{{"x":"y"}}}}"#,
            auth("user:pass:word"),
            auth("b:b\0\0"),
            auth("<token>:")
        );
        let (_folder, logins) = logins(&config);
        for (host, wanted) in [
            ("a.example", "user pass:word"),
            ("b.example", "b b"),
            ("c.example:5000", "identity long"),
            ("d.example", "u p"),
            ("e.example", "none"),
            ("f.example", "registry r"),
            // Another port is another registry, and a host above is another host.
            ("a.example:5000", "none"),
            ("example", "none"),
            ("x.a.example", "none"),
        ] {
            assert_eq!(shown(logins.of(host).unwrap()), wanted, "{host}");
        }
        assert_eq!(shown(Logins::none().of("a.example").unwrap()), "none");
        let nowhere = Logins::in_folder("/nowhere/at/all".into());
        assert_eq!(shown(nowhere.of("a.example").unwrap()), "none");
    }

    #[test]
    fn what_is_wrong_with_the_file_is_said_without_what_is_in_it() {
        for (config, says) in [
            (r#"{"auths":{"a":{"auth":"hunter2!"}}}"#, "not base64"),
            (r#"{"auths":{"a":{"auth":"aHVudGVyMg=="}}}"#, "not base64 of"),
            (r#"{"auths":"hunter2"}"#, "line 1"),
            (r#"{"credHelpers":{"a":"../../bin/sh"}}"#, "no name of a program"),
            (r#"{"credsStore":"there-is-none-of-that-name"}"#, "cannot be started"),
        ] {
            let (_folder, logins) = logins(config);
            let error = logins.of("a").unwrap_err().to_string();
            assert!(error.contains(says) && !error.contains("hunter2"), "{config}: {error}");
        }
    }

    #[test]
    fn a_helper_is_told_the_host_and_not_waited_for_without_end() {
        let run = |script: &str, time| {
            answer_of(Command::new("sh").args(["-c", script]), "a.example", time)
        };
        let (soon, late) = (Duration::from_millis(300), Duration::from_secs(60));
        let (status, said) = run("echo \"for $(cat)\"", late).unwrap();
        assert!(status.success());
        assert_eq!(said.as_slice(), b"for a.example\n");
        let (status, said) = run("echo no; exit 1", late).unwrap();
        assert!(!status.success() && said.as_slice() == b"no\n");
        assert!(run("exec sleep 1000", soon).unwrap_err().contains("in time"));
        // It says all that it has to, and stays.
        assert!(run("exec >&-; exec sleep 1000", soon).unwrap_err().contains("in time"));
        assert!(run("exec yes", late).unwrap_err().contains("more than"));
    }

    #[test]
    fn a_login_is_not_shown() {
        let login = Login::Password("u".to_owned(), Secret::new("hunter2".to_owned()));
        assert!(!format!("{login:?}").contains("hunter2"));
    }
}
