//! What a registry may send that is not what it should be: none of it is used, each is named, and the
//! store is whole afterwards.

use dibhost_registry::oci::{Digest, Form, Repository};

use crate::bench::{Bench, Content, answer, element, pointer};
use crate::server::{Request, Server, Wire, status};

const JSON: (&str, &str) = ("Content-Type", "application/vnd.oci.image.manifest.v1+json");

fn content() -> Content {
    Content::of(&element("1.0.0"))
}

fn manifest() -> Vec<u8> {
    element("1.0.0").pack(Form::Wasm).manifest.bytes
}

/// Serves a manifest under the tag, whatever it is.
fn with_manifest(bytes: &[u8]) -> Server {
    let mut content = content();
    content.manifest("1.0.0", bytes);
    content.server()
}

fn refuses(server: &Server, says: &str) {
    let told = Bench::new().refuses(server, "1.0.0");
    assert!(told.contains(says), "{told}");
}

fn component() -> String {
    Digest::of(&element("1.0.0").component).to_string()
}

#[test]
fn a_blob_with_a_flipped_byte() {
    let mut content = content();
    content.blobs.get_mut(&component()).unwrap()[9] ^= 1;
    let told = Bench::new().refuses(&content.server(), "1.0.0");
    assert!(told.contains("is not what it has to be") && told.contains(&component()), "{told}");
}

#[test]
fn a_configuration_with_a_flipped_byte() {
    let mut content = content();
    let config = Digest::of(&element("1.0.0").pack(Form::Wasm).config);
    content.blobs.get_mut(config.as_str()).unwrap()[3] ^= 1;
    refuses(&content.server(), "is not what it has to be");
}

#[test]
fn a_manifest_that_is_not_the_one_of_its_digest() {
    let mut content = content();
    let digest = Digest::of(&manifest()).to_string();
    let (kind, mut bytes) = content.manifests[&digest].clone();
    bytes.push(b' ');
    content.manifests.insert(digest.clone(), (kind, bytes));
    let told = Bench::new().refuses(&content.server(), &digest);
    assert!(told.contains(&format!("{digest} is wanted, and sha256:")), "{told}");
}

#[test]
fn a_registry_that_lies_about_the_digest_of_a_manifest() {
    let other = Digest::of(b"other").to_string();
    let server = content().but("/manifests/", move |_, wire, _| {
        answer(wire, "200 OK", &[JSON, ("Docker-Content-Digest", &other)], &manifest())
    });
    refuses(&server, "is not what it has to be");
}

#[test]
fn a_registry_that_names_a_digest_that_is_none() {
    let server = content().but("/manifests/", |_, wire, _| {
        answer(wire, "200 OK", &[JSON, ("Docker-Content-Digest", "sha256:../../etc")], &manifest())
    });
    refuses(&server, "is no digest");
}

#[test]
fn a_blob_that_is_longer_than_its_descriptor_says() {
    let mut content = content();
    content.blobs.get_mut(&component()).unwrap().push(0);
    refuses(&content.server(), "its descriptor says 13 bytes, and it has 14");
}

#[test]
fn a_blob_that_is_shorter_than_its_descriptor_says() {
    let text = String::from_utf8(manifest()).unwrap();
    // The digest is right, and the size is not.
    refuses(
        &with_manifest(text.replace("\"size\":13", "\"size\":14").as_bytes()),
        "its descriptor says 14 bytes, and it has 13",
    );
}

#[test]
fn a_component_larger_than_any_is() {
    let text = String::from_utf8(manifest()).unwrap();
    let large = text.replace("\"size\":13", "\"size\":99999999999");
    refuses(&with_manifest(large.as_bytes()), "has more than 256");
}

#[test]
fn a_server_that_says_nothing() {
    let server = content().but("/manifests/", |_, _, going| {
        while going() {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        Ok(())
    });
    let told = Bench::hasty().refuses(&server, "1.0.0");
    assert!(told.contains("no answer in time"), "{told}");
    assert_eq!(server.requests().len(), 2, "it is tried once more, and no oftener");
}

#[test]
fn a_server_that_sends_a_byte_now_and_then() {
    let server = content().but("/blobs/", |_, wire, going| {
        write!(wire, "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n")?;
        while going() {
            wire.write_all(b"x")?;
            wire.flush()?;
            std::thread::sleep(std::time::Duration::from_millis(150));
        }
        Ok(())
    });
    let told = Bench::hasty().refuses(&server, "1.0.0");
    assert!(told.contains("sends less than 1000 bytes"), "{told}");
}

#[test]
fn a_manifest_without_end() {
    refuses(&content().but("/manifests/", endless), "has more than 4 MiB");
}

#[test]
fn a_blob_without_end() {
    refuses(&content().but("/blobs/", endless), "its descriptor says");
}

#[test]
fn an_error_without_end() {
    let server = content().but("/manifests/", |_, wire, going| {
        write!(wire, "HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        chunks(wire, going)
    });
    refuses(&server, "400 Bad Request");
}

fn endless(_: &Request, wire: &mut dyn Wire, going: &dyn Fn() -> bool) -> std::io::Result<()> {
    write!(wire, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
    chunks(wire, going)
}

fn chunks(wire: &mut dyn Wire, going: &dyn Fn() -> bool) -> std::io::Result<()> {
    let part = [b' '; 0x1000];
    while going() {
        write!(wire, "1000\r\n")?;
        wire.write_all(&part)?;
        write!(wire, "\r\n")?;
    }
    Ok(())
}

#[test]
fn a_page_of_html() {
    let page = b"<!DOCTYPE html><html><title>Log in</title></html>";
    let server = content().but("/manifests/", move |_, wire, _| {
        answer(wire, "200 OK", &[("Content-Type", "text/html; charset=utf-8")], page)
    });
    refuses(&server, "a page of HTML");
    // Called what it is not.
    let server =
        content().but("/manifests/", move |_, wire, _| answer(wire, "200 OK", &[JSON], page));
    refuses(&server, "a page of HTML");
}

#[test]
fn what_a_server_says_to_an_error_is_shown_without_what_a_terminal_would_obey() {
    let server = content().but("/manifests/", |_, wire, _| {
        let said = "{\"errors\":[{\"code\":\"DENIED\",\"message\":\"\\u001b[2Jgone\\u202e\"}]}";
        answer(wire, "403 Forbidden", &[], said.as_bytes())
    });
    refuses(&server, "DENIED");
}

#[test]
fn a_manifest_that_leads_elsewhere() {
    let elsewhere = content().server();
    let to = elsewhere.url("/v2/acme/motd/manifests/1.0.0");
    let server = content().but("/manifests/", move |_, wire, _| crate::server::redirect(wire, &to));
    refuses(&server, "only blobs may lie elsewhere");
    assert!(elsewhere.requests().is_empty());
}

#[test]
fn a_blob_that_leads_to_where_anybody_can_exchange_it() {
    let elsewhere = content().server();
    let to = elsewhere.url(&format!("/v2/acme/motd/blobs/{}", component()));
    let server = content().but("/blobs/", move |_, wire, _| crate::server::redirect(wire, &to));
    refuses(&server, "is not `https:`");
    assert!(elsewhere.requests().is_empty());
}

#[test]
fn a_blob_that_leads_to_no_place_for_it() {
    for (to, says) in [
        ("/v2/acme/motd/blobs/round", "round in a circle"),
        ("file:///etc/passwd", "neither `https:` nor `http:`"),
        ("https://user:password@registry.example/", "a user or a password"),
        ("http://[", "is no URL"),
    ] {
        let server = content().but("/blobs/", move |_, wire, _| crate::server::redirect(wire, to));
        refuses(&server, says);
        assert!(server.requests().len() < 10);
    }
}

#[test]
fn an_older_version_under_the_tag_of_a_newer_one() {
    let mut content = content();
    content.add(&element("0.9.0"), "1.0.0");
    refuses(&content.server(), "says itself that it is version `0.9.0`");
}

#[test]
fn a_tag_that_moved_is_not_what_its_digest_was() {
    let pinned = Digest::of(&manifest());
    let mut moved = content();
    moved.add(&element("0.9.0"), "latest");
    moved.manifests.remove(pinned.as_str());
    // Who asks by the digest is not given what the tag is now.
    let told = Bench::new().refuses(&moved.server(), pinned.as_str());
    assert!(told.starts_with("there is no manifest"), "{told}");
}

#[test]
fn a_manifest_that_could_be_read_in_two_ways() {
    let text = String::from_utf8(manifest()).unwrap();
    let both = text.replacen("\"layers\"", "\"manifests\":[],\"layers\"", 1);
    refuses(&with_manifest(both.as_bytes()), "in two ways");
}

#[test]
fn a_manifest_with_two_components_or_none() {
    let text = String::from_utf8(manifest()).unwrap();
    let start = text.find("\"layers\":[").unwrap() + "\"layers\":[".len();
    let end = text.find("}],\"annotations\"").unwrap() + 1;
    let layer = &text[start..end];
    let twice = text.replacen(layer, &format!("{layer},{layer}"), 1);
    refuses(&with_manifest(twice.as_bytes()), "2 layers of WebAssembly");
    let other = text.replace("application/wasm", "application/x-sh");
    refuses(&with_manifest(other.as_bytes()), "no layer of it is `application/wasm`");
    refuses(&with_manifest(text.replacen(layer, "", 1).as_bytes()), "no layers");
}

#[test]
fn an_index_that_names_itself_or_many() {
    let own = r#"{"schemaVersion":2,"manifests":[]}"#;
    refuses(&with_manifest(own.as_bytes()), "nothing in it is for `wasm`");
    let digest = Digest::of(own.as_bytes());
    let of = format!(
        r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"a/b","digest":"{digest}","size":{}}}]}}"#,
        own.len()
    );
    let mut content = content();
    content.manifest("other", own.as_bytes());
    content.manifest("1.0.0", of.as_bytes());
    refuses(&content.server(), "an index of indexes");
}

#[test]
fn a_list_of_tags_that_does_not_end_or_leads_elsewhere() {
    let listing = |link: &'static str| {
        content().but("/tags/list", move |_, wire, _| {
            answer(wire, "200 OK", &[("Link", link)], br#"{"tags":["1.0.0","../x"]}"#)
        })
    };
    for (link, says, most) in [
        ("</v2/acme/motd/tags/list?last=x>; rel=\"next\"", "does not end", 2000),
        ("<http://registry.example/>; rel=\"next\"", "is another host", 1),
    ] {
        let server = listing(link);
        let host = server.address.to_string();
        let bench = Bench::new().plain(&host);
        let repository = Bench::repository(&host);
        let told = bench.registry(&repository).tags(&repository).unwrap_err().to_string();
        assert!(told.contains(says), "{told}");
        assert!(server.requests().len() <= most);
    }
    let server = content().but("/tags/list", |_, wire, _| {
        answer(wire, "200 OK", &[], br#"{"tags":["1.0.0","../x","a b","\u001b[2J"]}"#)
    });
    let host = server.address.to_string();
    let repository = Bench::repository(&host);
    let bench = Bench::new().plain(&host);
    assert_eq!(bench.registry(&repository).tags(&repository).unwrap(), ["1.0.0"]);
}

#[test]
fn signatures_of_something_else_are_of_no_use_and_hold_nobody_up() {
    let element = element("1.0.0");
    let mut content = content();
    let subject = element.pack(Form::Wasm).manifest.descriptor();
    let other = dibhost_registry::oci::Descriptor::of(b"other", &subject.media_type);
    let good = dibhost_registry::oci::bundle(b"{}");
    let mut listed = Vec::new();
    for (subject, bytes) in [(&subject, &b"{}"[..]), (&other, b"{\"of\":\"another\"}")] {
        content.blob(bytes);
        content.blob(b"{}");
        let manifest = dibhost_registry::oci::bundle(bytes).manifest(subject);
        content.manifest("unused", &manifest.bytes);
        listed.push(manifest.descriptor());
    }
    // And one that is listed and not there.
    listed.push(dibhost_registry::oci::Descriptor::of(b"nowhere", &subject.media_type));
    let index = serde_json::to_vec(&dibhost_registry::oci::ImageIndex::of(listed)).unwrap();
    content.manifest(&format!("sha256-{}", subject.digest.hex()), &index);
    let server = content.server();
    let host = server.address.to_string();
    let bench = Bench::new().plain(&host);
    let repository = Bench::repository(&host);
    let found = bench.registry(&repository).bundles(&repository, &subject.digest).unwrap();
    assert_eq!(found.bundles, [good.layers[0].1.clone()]);
    assert_eq!(found.unusable.len(), 2, "{:?}", found.unusable);
    assert!(found.unusable[0].contains("about something else"), "{:?}", found.unusable);
    assert!(found.unusable[1].contains("there is no"), "{:?}", found.unusable);
}

#[test]
fn an_upload_that_leads_elsewhere_goes_nowhere() {
    let elsewhere = content().server();
    for to in [elsewhere.url("/upload"), "https://registry.example/x".to_owned(), String::new()] {
        let server = Server::start(move |request, wire, _| match request.method.as_str() {
            "POST" => answer(wire, "202 Accepted", &[("Location", &to)], b""),
            _ => status(wire, "404 Not Found"),
        });
        let host = server.address.to_string();
        let bench = Bench::new().plain(&host);
        let repository: Repository = Bench::repository(&host);
        let registry = bench.registry(&repository);
        let error = registry.push_element(&repository, "1.0.0", &element("1.0.0"), false);
        let told = error.unwrap_err().to_string();
        assert!(told.contains("is not the registry itself"), "{told}");
    }
    assert!(elsewhere.requests().is_empty());
}

#[test]
fn a_registry_that_takes_a_manifest_and_has_another() {
    let other = Digest::of(b"other").to_string();
    let server = Server::start(move |request, wire, _| match request.method.as_str() {
        "HEAD" => status(wire, "200 OK"),
        "PUT" => answer(wire, "201 Created", &[("Docker-Content-Digest", &other)], b""),
        _ => status(wire, "404 Not Found"),
    });
    let host = server.address.to_string();
    let bench = Bench::new().plain(&host);
    let repository = Bench::repository(&host);
    let pushed =
        bench.registry(&repository).push_element(&repository, "1", &element("1.0.0"), false);
    assert!(pushed.unwrap_err().to_string().contains("is not what it has to be"));
    assert_eq!(pointer("1").to_string(), "1");
}
