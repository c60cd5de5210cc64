//! Connections that break, registries that are busy, and types that one of them does not take.

use dibhost_registry::oci::{Digest, Form};

use crate::bench::{Bench, Content, Times, answer, element, pointer};
use crate::server::{Server, status};

/// Of which the first half comes at first.
fn large() -> Vec<u8> {
    (0..300_000_u32).map(|n| (n % 251) as u8).collect()
}

fn blob(server: &Server) -> Result<Vec<u8>, String> {
    let host = server.address.to_string();
    let bench = Bench::new().plain(&host);
    let repository = Bench::repository(&host);
    let mut bytes = Vec::new();
    let digest = Digest::of(&large());
    let registry = bench.registry(&repository);
    let read =
        registry.blob(&repository, &digest, 300_000, &mut bytes).map_err(|e| e.to_string())?;
    assert_eq!(read, bytes.len() as u64);
    Ok(bytes)
}

#[test]
fn a_download_goes_on_where_the_connection_broke() {
    // Each connection gives 70,000 bytes: more attempts than there are without getting on.
    let server = Server::start(|request, wire, _| {
        let all = large();
        let from = request.header("range").map_or(0, |range| {
            range.trim_start_matches("bytes=").trim_end_matches('-').parse().unwrap()
        });
        let status = if from > 0 { "206 Partial Content" } else { "200 OK" };
        let end = all.len() - 1;
        write!(
            wire,
            "HTTP/1.1 {status}\r\nContent-Length: {}\r\nContent-Range: bytes {from}-{end}/{}\r\n\r\n",
            all.len() - from,
            all.len()
        )?;
        wire.write_all(&all[from..(from + 70_000).min(all.len())])
    });
    assert_eq!(blob(&server).unwrap(), large());
    let ranges: Vec<_> =
        server.requests().iter().map(|r| r.header("range").unwrap_or("none").to_owned()).collect();
    assert_eq!(ranges, ["none", "bytes=70000-", "bytes=140000-", "bytes=210000-", "bytes=280000-"]);
}

#[test]
fn who_does_not_know_ranges_begins_again() {
    let times = Times::default();
    let server = Server::start(move |_, wire, _| {
        let all = large();
        write!(wire, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", all.len())?;
        let most = if times.next() == 1 { 100_000 } else { all.len() };
        wire.write_all(&all[..most])
    });
    assert_eq!(blob(&server).unwrap(), large());
}

#[test]
fn a_range_that_was_not_asked_for() {
    let times = Times::default();
    let server = Server::start(move |_, wire, _| {
        let all = large();
        if times.next() == 1 {
            write!(wire, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", all.len())?;
            return wire.write_all(&all[..100_000]);
        }
        let range = [("Content-Range", "bytes 5-299999/300000")];
        answer(wire, "206 Partial Content", &range, &all[5..])
    });
    let told = blob(&server).unwrap_err();
    assert!(told.contains("bytes from 100000 on were asked for"), "{told}");
}

#[test]
fn a_connection_that_breaks_each_time_is_given_up() {
    let server = Server::start(|_, wire, _| {
        write!(wire, "HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\nhalf")
    });
    let told = blob(&server).unwrap_err();
    assert!(told.contains("could not be had"), "{told}");
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn a_registry_that_is_busy_is_asked_again_when_it_says() {
    for busy in ["429 Too Many Requests", "503 Service Unavailable", "500 Internal Server Error"] {
        let times = Times::default();
        let content = Content::of(&element("1.0.0"));
        let server = Server::start(move |request, wire, _| match times.next() {
            1 => answer(wire, busy, &[("Retry-After", "1")], b""),
            _ => content.serve(request, wire),
        });
        let host = server.address.to_string();
        let bench = Bench::new().plain(&host);
        let begun = std::time::Instant::now();
        bench.pull(&Bench::repository(&host), "1.0.0").unwrap();
        assert!(begun.elapsed() >= std::time::Duration::from_secs(1), "{busy}");
    }
    let server = Server::start(|_, wire, _| status(wire, "429 Too Many Requests"));
    let told = Bench::new().refuses(&server, "1.0.0");
    assert!(told.contains("429 Too Many Requests"), "{told}");
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn a_registry_that_knows_the_types_of_configurations_gets_the_empty_one() {
    // As GitLab answers.
    let server = Server::start(|request, wire, _| {
        let odd = String::from_utf8_lossy(&request.body).contains("vnd.wasm.config.v0+json");
        match request.method.as_str() {
            "HEAD" => status(wire, "200 OK"),
            "PUT" if odd => answer(
                wire,
                "400 Bad Request",
                &[("Content-Type", "application/json")],
                br#"{"errors":[{"code":"MANIFEST_INVALID","message":"manifest invalid","detail":"unknown media type: application/vnd.wasm.config.v0+json"}]}"#,
            ),
            "PUT" => status(wire, "201 Created"),
            _ => status(wire, "404 Not Found"),
        }
    });
    let host = server.address.to_string();
    let bench = Bench::new().plain(&host);
    let repository = Bench::repository(&host);
    let registry = bench.registry(&repository);
    let pushed = registry.push_element(&repository, "1.0.0", &element("1.0.0"), false).unwrap();
    assert_eq!(pushed.form, Form::EmptyConfig);
    let last = server.requests().pop().unwrap();
    let text = String::from_utf8(last.body).unwrap();
    assert!(text.contains("\"artifactType\":\"application/vnd.dib.element.v0+json\""), "{text}");
    // And it is read as any other.
    let mut content = Content::default();
    content.blob(b"{}");
    content.blob(&element("1.0.0").component);
    content.manifest("1.0.0", text.as_bytes());
    let server = content.server();
    let host = server.address.to_string();
    let bench = Bench::new().plain(&host);
    let repository = Bench::repository(&host);
    let pulled = bench.registry(&repository).pull_element(&repository, &pointer("1.0.0")).unwrap();
    assert_eq!(pulled.version.as_deref(), Some("1.0.0"));
}
