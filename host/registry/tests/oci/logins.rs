//! Who asks, and who is told so: credentials go to the registry that they are for, and to nobody else.

use std::path::Path;

use dibhost_registry::Outside;
use dibhost_registry::oci::{Logins, RegistryError};

use crate::bench::{Bench, Content, answer, element, patience};
use crate::real::DockerRegistry;
use crate::server::{Authority, Request, Server, Wire, redirect, status};

/// `builder:hunter2`
const BASIC: &str = "YnVpbGRlcjpodW50ZXIy";

fn logins(folder: &Path, host: &str, entry: &str) -> Logins {
    let config = format!(r#"{{"auths":{{"{host}":{entry}}}}}"#);
    std::fs::write(folder.join("config.json"), config).unwrap();
    Logins::in_folder(folder.to_owned())
}

fn outside(authority: Option<&Authority>) -> Outside {
    let certificates = authority.map(Authority::file);
    Outside { certificates, patience: patience(), ..Outside::default() }
}

/// Who asks with a user and a password for a host.
fn bench(host: &str, authority: Option<&Authority>) -> (tempfile::TempDir, Bench) {
    let folder = tempfile::tempdir().unwrap();
    let logins = logins(folder.path(), host, &format!(r#"{{"auth":"{BASIC}"}}"#));
    (folder, Bench::with(outside(authority), logins))
}

fn credentials(requests: &[Request]) -> Vec<String> {
    requests.iter().filter_map(|r| r.header("authorization").map(str::to_owned)).collect()
}

fn challenge(wire: &mut dyn Wire, how: &str) -> std::io::Result<()> {
    answer(wire, "401 Unauthorized", &[("WWW-Authenticate", how)], b"")
}

#[test]
fn a_real_registry_lets_in_who_has_the_password() {
    let registry = DockerRegistry::with_password();
    let repository = Bench::repository(&registry.host);
    let element = element("1.0.0");
    let nobody = Bench::new().plain(&registry.host);
    let refused = nobody.registry(&repository).push_element(&repository, "1.0.0", &element, false);
    let refused = refused.unwrap_err();
    assert!(matches!(refused, RegistryError::Denied { known: false, .. }), "{refused}");
    assert!(refused.help().unwrap().contains("docker login"));

    let (_folder, known) = bench(&registry.host, None);
    let known = known.plain(&registry.host);
    known.registry(&repository).push_element(&repository, "1.0.0", &element, false).unwrap();
    known.pull(&repository, "1.0.0").unwrap();

    let folder = tempfile::tempdir().unwrap();
    let wrong = logins(folder.path(), &registry.host, r#"{"username":"builder","password":"x"}"#);
    let wrong = Bench::with(outside(None), wrong).plain(&registry.host);
    let refused = wrong.pull(&repository, "1.0.0").unwrap_err();
    assert!(matches!(refused, RegistryError::Denied { known: true, .. }), "{refused}");
    assert!(!refused.to_string().contains("hunter2"));
}

/// A registry that wants tokens, and the service that gives them.
fn with_tokens(realm: &'static str) -> Server {
    let content = Content::of(&element("1.0.0"));
    Server::start(move |request, wire, _| {
        if request.path.starts_with("/token") {
            let known = request.header("authorization") == Some(&format!("Basic {BASIC}"))
                || String::from_utf8_lossy(&request.body).contains("refresh_token=long+lasting");
            return match known {
                true => answer(wire, "200 OK", &[], br#"{"token":"t0ken"}"#),
                false => status(wire, "401 Unauthorized"),
            };
        }
        let host = request.header("host").unwrap_or_default();
        match request.header("authorization") {
            Some("Bearer t0ken") => content.serve(request, wire),
            _ => challenge(
                wire,
                &format!(
                    "Bearer realm=\"{}\",service=\"reg istry\",scope=\"repository:else/where:push\"",
                    realm.replace("HOST", host)
                ),
            ),
        }
    })
}

#[test]
fn a_token_is_had_of_the_service_for_what_is_asked_and_used_again() {
    let server = with_tokens("http://HOST/token");
    let host = server.address.to_string();
    let (_folder, bench) = bench(&host, None);
    bench.plain(&host).pull(&Bench::repository(&host), "1.0.0").unwrap();
    let requests = server.requests();
    let tokens: Vec<_> = requests.iter().filter(|r| r.path.starts_with("/token")).collect();
    assert_eq!(tokens.len(), 1);
    // For what is asked, whatever the registry says.
    assert_eq!(tokens[0].path, "/token?service=reg+istry&scope=repository%3Aacme%2Fmotd%3Apull");
    assert_eq!(tokens[0].header("authorization"), Some("Basic YnVpbGRlcjpodW50ZXIy"));
    let others = requests.iter().filter(|r| !r.path.starts_with("/token"));
    assert!(others.filter_map(|r| r.header("authorization")).all(|a| a == "Bearer t0ken"));
}

#[test]
fn an_identity_token_is_exchanged_for_one_of_the_registry() {
    let server = with_tokens("http://HOST/token");
    let host = server.address.to_string();
    let folder = tempfile::tempdir().unwrap();
    let logins = logins(folder.path(), &host, r#"{"identitytoken":"long lasting"}"#);
    let bench = Bench::with(outside(None), logins).plain(&host);
    bench.pull(&Bench::repository(&host), "1.0.0").unwrap();
    let token = server.requests().into_iter().find(|r| r.path.starts_with("/token")).unwrap();
    assert_eq!((token.method.as_str(), token.path.as_str()), ("POST", "/token"));
    let form = String::from_utf8(token.body).unwrap();
    assert!(form.starts_with("grant_type=refresh_token&client_id=dibhost&"), "{form}");
}

#[test]
fn credentials_for_another_registry_stay_here() {
    let server = Server::start(|_, wire, _| challenge(wire, "Basic realm=\"x\""));
    let host = server.address.to_string();
    // The same host at another port is another registry.
    let (_folder, bench) = bench("127.0.0.1:1", None);
    let refused = bench.plain(&host).pull(&Bench::repository(&host), "1.0.0").unwrap_err();
    assert!(matches!(refused, RegistryError::Denied { known: false, .. }), "{refused}");
    assert_eq!(credentials(&server.requests()), <[&str; 0]>::default());
}

#[test]
fn credentials_do_not_follow_a_blob_to_where_it_lies() {
    let authority = Authority::new();
    let content = Content::of(&element("1.0.0"));
    let far = content.clone();
    let elsewhere =
        Server::tls(&authority, "localhost", move |request, wire, _| far.serve(request, wire));
    let to = elsewhere.by_name("");
    let server = Server::tls(&authority, "127.0.0.1", move |request, wire, _| {
        match request.header("authorization") {
            None => challenge(wire, "Basic realm=\"x\""),
            Some(_) if request.path.contains("/blobs/") => {
                redirect(wire, &format!("{to}{}", request.path))
            }
            Some(_) => content.serve(request, wire),
        }
    });
    let host = server.address.to_string();
    let (_folder, bench) = bench(&host, Some(&authority));
    bench.pull(&Bench::repository(&host), "1.0.0").unwrap();
    assert!(elsewhere.requests().len() >= 2, "blobs come from there");
    assert_eq!(credentials(&elsewhere.requests()), <[&str; 0]>::default());
    assert!(!credentials(&server.requests()).is_empty());
}

#[test]
fn credentials_do_not_go_to_where_a_registry_without_tls_sends_them() {
    let thief = Server::start(|_, wire, _| answer(wire, "200 OK", &[], br#"{"token":"x"}"#));
    let realm = thief.by_name("/token");
    let server = Server::start(move |_, wire, _| {
        challenge(wire, &format!("Bearer realm=\"{realm}\",service=\"x\""))
    });
    let host = server.address.to_string();
    let (_folder, bench) = bench(&host, None);
    let refused = bench.plain(&host).pull(&Bench::repository(&host), "1.0.0").unwrap_err();
    assert!(matches!(refused, RegistryError::Credentials { .. }), "{refused}");
    assert!(refused.to_string().contains("is on another host"), "{refused}");
    assert!(thief.requests().is_empty());
}

#[test]
fn credentials_do_not_go_to_a_token_service_without_tls_or_to_where_it_leads() {
    let authority = Authority::new();
    let thief = Server::of(b"{\"token\":\"x\"}");
    let (plain, led) = (thief.url("/token"), thief.url("/token"));
    let asks_plain = Server::tls(&authority, "127.0.0.1", move |_, wire, _| {
        challenge(wire, &format!("Bearer realm=\"{plain}\""))
    });
    let leads = Server::tls(&authority, "127.0.0.1", move |request, wire, _| {
        let host = request.header("host").unwrap_or_default().to_owned();
        match request.path.starts_with("/token") {
            true => redirect(wire, &led),
            false => challenge(wire, &format!("Bearer realm=\"https://{host}/token\"")),
        }
    });
    let odd = Server::tls(&authority, "127.0.0.1", |_, wire, _| {
        challenge(wire, "Bearer realm=\"https://user:password@registry.example/\"")
    });
    for (server, says) in [
        (&asks_plain, "is not asked by `https:`"),
        (&leads, "leads elsewhere"),
        (&odd, "a user or a password"),
    ] {
        let host = server.address.to_string();
        let (_folder, bench) = bench(&host, Some(&authority));
        let refused = bench.pull(&Bench::repository(&host), "1.0.0").unwrap_err().to_string();
        assert!(refused.contains(says) && !refused.contains(BASIC), "{refused}");
    }
    assert!(thief.requests().is_empty());
}

#[test]
fn a_token_service_that_says_odd_things() {
    for (body, says) in [
        (&b"<html>"[..], "no JSON with a `token`"),
        (b"{}", "no `token`"),
        (b"{\"token\":\"a\\r\\nX-Injected: 1\"}", "does not go into a header"),
    ] {
        let server = Server::start(move |request, wire, _| {
            let host = request.header("host").unwrap_or_default().to_owned();
            match request.path.starts_with("/token") {
                true => answer(wire, "200 OK", &[], body),
                false => challenge(wire, &format!("Bearer realm=\"http://{host}/token\"")),
            }
        });
        let told = Bench::new().refuses(&server, "1.0.0");
        assert!(told.contains(says), "{told}");
    }
}
