//! Files by HTTPS: who is trusted, and that it stays HTTPS.

use dibhost_registry::{FetchError, Outside};

use crate::bench::{Bench, digest, patient};
use crate::server::{Authority, Proxy, Server, redirect, whole};

const CONTENT: &[u8] = b"some bytes from outside";

fn trusting(authority: &Authority) -> Bench {
    let certificates = Some(authority.file());
    Bench::with(Outside { certificates, patience: patient(), ..Outside::default() })
}

#[test]
fn a_server_is_trusted_whose_certificate_an_authority_of_the_builder_s_signed() {
    let authority = Authority::new();
    let server = Server::tls(&authority, "127.0.0.1", |_, wire, _| whole(wire, CONTENT));
    let fetched = trusting(&authority).get(&server.url("/x"), Some(&digest(CONTENT))).unwrap();
    assert_eq!(fetched.content, CONTENT);
}

#[test]
fn a_server_is_not_trusted_that_nobody_vouches_for_or_that_is_another() {
    let authority = Authority::new();
    let good = Server::tls(&authority, "127.0.0.1", |_, wire, _| whole(wire, CONTENT));
    let other = Server::tls(&authority, "example.org", |_, wire, _| whole(wire, CONTENT));
    for (bench, server) in [
        (trusting(&Authority::new()), &good),
        (trusting(&authority), &other),
        (Bench::new(), &good),
    ] {
        let error = bench.get(&server.url("/x"), Some(&digest(CONTENT))).unwrap_err();
        assert!(matches!(error, FetchError::Unreachable { .. }), "{error}");
        assert!(error.to_string().contains("certificate"), "{error}");
        assert!(error.help().unwrap().contains("SSL_CERT_FILE"));
        assert!(server.requests().is_empty());
        bench.assert_nothing_left();
    }
}

#[test]
fn what_was_safe_on_its_way_does_not_become_unsafe() {
    let authority = Authority::new();
    let plain = Server::of(CONTENT);
    let to = plain.url("/x");
    let server = Server::tls(&authority, "127.0.0.1", move |_, wire, _| redirect(wire, &to));
    let error = trusting(&authority).get(&server.url("/x"), Some(&digest(CONTENT))).unwrap_err();
    assert!(error.to_string().contains("is not `https:` any more"), "{error}");
    assert!(plain.requests().is_empty());
}

#[test]
fn a_file_of_certificates_without_any_is_said() {
    let folder = tempfile::tempdir().unwrap();
    for (content, says) in [(Some(""), "there are none"), (None, "No such file")] {
        let file = folder.path().join("ca.pem");
        match content {
            Some(content) => std::fs::write(&file, content).unwrap(),
            None => std::fs::remove_file(&file).unwrap(),
        }
        let certificates = Some(file);
        let bench =
            Bench::with(Outside { certificates, patience: patient(), ..Outside::default() });
        let error = bench.get("https://127.0.0.1:1/x", None).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn a_proxy_sees_nothing_of_what_goes_through_it() {
    let authority = Authority::new();
    let server = Server::tls(&authority, "127.0.0.1", |_, wire, _| whole(wire, CONTENT));
    let proxy = Proxy::start();
    let bench = Bench::with(Outside {
        https_proxy: Some(proxy.url()),
        certificates: Some(authority.file()),
        patience: patient(),
        ..Outside::default()
    });
    assert_eq!(bench.get(&server.url("/x"), None).unwrap().content, CONTENT);
    let connected = proxy.connected.lock().unwrap().clone();
    assert_eq!(connected, [format!("CONNECT {}", server.address)]);
}
