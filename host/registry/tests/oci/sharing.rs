//! Debian's registry and skopeo: what we push others read, and what others push we pull.

use dibhost_registry::Outside;
use dibhost_registry::oci::{
    BUNDLE, Digest, Form, Manifest, Parsed, Pointer, RegistryError, bundle, layout,
};

use crate::bench::{Bench, element, patience, pointer};
use crate::real::{DockerRegistry, skopeo, text};
use crate::server::Authority;

const SIGNED: &[u8] = br#"{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","dsseEnvelope":{"payload":"eyJwcmVkaWNhdGVUeXBlIjoiaHR0cHM6Ly94L3kifQ==","payloadType":"application/vnd.in-toto+json","signatures":[]}}"#;

#[test]
fn what_is_pushed_twice_is_one_manifest_and_comes_back_as_it_was() {
    let registry = DockerRegistry::start();
    let bench = Bench::new().plain(&registry.host);
    let repository = Bench::repository(&registry.host);
    let client = bench.registry(&repository);
    let element = element("1.2.0");
    let first = client.push_element(&repository, "1.2.0", &element, false).unwrap();
    assert!(!first.was_there && first.form == Form::Wasm);
    let again = client.push_element(&repository, "1.2.0", &element, false).unwrap();
    assert!(again.was_there);
    assert_eq!(again.manifest, first.manifest);
    // Under another name it is the same manifest.
    client.push_element(&repository, "latest", &element, false).unwrap();
    let pulled = client.pull_element(&repository, &pointer("latest")).unwrap();
    assert_eq!(pulled.manifest.digest, first.manifest.digest);
    assert_eq!(pulled.component, element.component);
    assert_eq!((pulled.version.as_deref(), pulled.title.as_deref()), (Some("1.2.0"), Some("motd")));
    let mut tags = client.tags(&repository).unwrap();
    tags.sort();
    assert_eq!(tags, ["1.2.0", "latest"]);
    let kept = bench.pull(&repository, "1.2.0").unwrap();
    assert_eq!(std::fs::read(&kept.path).unwrap(), element.component);
    assert_eq!(kept.component, Digest::of(&element.component));
}

#[test]
fn a_version_that_is_there_stays_what_it_is_unless_it_is_said() {
    let registry = DockerRegistry::start();
    let bench = Bench::new().plain(&registry.host);
    let repository = Bench::repository(&registry.host);
    let client = bench.registry(&repository);
    client.push_element(&repository, "1.0.0", &element("1.0.0"), false).unwrap();
    let mut other = element("1.0.0");
    other.component.push(0);
    let refused = client.push_element(&repository, "1.0.0", &other, false).unwrap_err();
    assert!(matches!(refused, RegistryError::Taken { .. }), "{refused}");
    assert!(refused.help().unwrap().contains("--replace"));
    let pulled = client.pull_element(&repository, &pointer("1.0.0")).unwrap();
    assert_eq!(pulled.component, element("1.0.0").component);
    client.push_element(&repository, "1.0.0", &other, true).unwrap();
    let pulled = client.pull_element(&repository, &pointer("1.0.0")).unwrap();
    assert_eq!(pulled.component, other.component);
}

#[test]
fn a_registry_whose_disk_flips_a_byte_is_found_out() {
    let registry = DockerRegistry::start();
    let bench = Bench::new().plain(&registry.host);
    let repository = Bench::repository(&registry.host);
    let element = element("1.0.0");
    bench.registry(&repository).push_element(&repository, "1.0.0", &element, false).unwrap();
    let file = registry.blob(&Digest::of(&element.component));
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[8] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let error = bench.pull(&repository, "1.0.0").unwrap_err();
    assert!(matches!(error, RegistryError::Digest { .. }), "{error}");
    assert_eq!(bench.store().list().unwrap(), []);
}

#[test]
fn what_is_not_there_is_said() {
    let registry = DockerRegistry::start();
    let bench = Bench::new().plain(&registry.host);
    let repository = Bench::repository(&registry.host);
    let client = bench.registry(&repository);
    for result in [
        client.pull_element(&repository, &pointer("9.9.9")).map(drop),
        client.pull_element(&repository, &Pointer::Digest(Digest::of(b"no"))).map(drop),
        client.tags(&repository).map(drop),
    ] {
        let error = result.unwrap_err();
        assert!(error.is_absent(), "{error}");
        assert!(error.to_string().contains("acme/motd"), "{error}");
    }
    assert_eq!(client.referrers(&repository, &Digest::of(b"no"), None).unwrap(), []);
}

#[test]
fn signatures_are_found_by_the_tag_that_stands_in_for_the_api_and_come_along() {
    let registry = DockerRegistry::start();
    let bench = Bench::new().plain(&registry.host);
    let repository = Bench::repository(&registry.host);
    let client = bench.registry(&repository);
    let pushed = client.push_element(&repository, "1.0.0", &element("1.0.0"), false).unwrap();
    let subject = pushed.manifest;
    client.attach(&repository, &subject, &bundle(SIGNED)).unwrap();
    // Attached twice it is one.
    client.attach(&repository, &subject, &bundle(SIGNED)).unwrap();
    client.attach(&repository, &subject, &bundle(b"{\"second\":1}")).unwrap();
    let found = client.referrers(&repository, &subject.digest, Some(BUNDLE)).unwrap();
    assert_eq!(found.len(), 2);
    let predicate = found[0].annotation("dev.sigstore.bundle.predicateType");
    assert_eq!(predicate, Some("https://x/y"));
    let other = client.referrers(&repository, &subject.digest, Some("application/x-sbom")).unwrap();
    assert_eq!(other, []);
    let kept = bench.pull(&repository, "1.0.0").unwrap();
    assert_eq!(kept.bundles.len(), 2);
    assert!(kept.bundles.iter().any(|bundle| bundle == SIGNED));

    // Elsewhere, byte for byte.
    let second = DockerRegistry::start();
    let bench = bench.plain(&second.host);
    let there = Bench::repository(&second.host);
    let target = bench.registry(&there);
    let copied = client
        .copy_element((&repository, &pointer("1.0.0")), &target, (&there, Some("1.0.0")), false)
        .unwrap();
    assert_eq!((copied.manifest, copied.referrers), (subject.digest.clone(), 2));
    let found = target.bundles(&there, &subject.digest).unwrap();
    assert_eq!(found.bundles.len(), 2);
    // Again it is what is there already.
    client
        .copy_element((&repository, &pointer("1.0.0")), &target, (&there, Some("1.0.0")), false)
        .unwrap();
}

#[test]
fn skopeo_reads_and_copies_what_was_pushed() {
    let registry = DockerRegistry::start();
    let bench = Bench::new().plain(&registry.host);
    let repository = Bench::repository(&registry.host);
    let client = bench.registry(&repository);
    let element = element("1.0.0");
    let pushed = client.push_element(&repository, "1.0.0", &element, false).unwrap();
    let from = format!("docker://{repository}:1.0.0");
    let raw = skopeo(&["inspect", "--raw", "--tls-verify=false", &from]);
    assert_eq!(Digest::of(raw.as_bytes()), pushed.manifest.digest);
    let config = skopeo(&["inspect", "--raw", "--config", "--tls-verify=false", &from]);
    assert!(config.contains("dib:element/lifecycle@0.1.0"), "{config}");
    let to = format!("docker://{}/other/motd:1.0.0", registry.host);
    skopeo(&["copy", "--src-tls-verify=false", "--dest-tls-verify=false", &from, &to]);
    let other = format!("{}/other/motd", registry.host).parse().unwrap();
    let pulled = client.pull_element(&other, &pointer("1.0.0")).unwrap();
    assert_eq!(pulled.manifest.digest, pushed.manifest.digest);

    // A file of skopeo's is loaded, and skopeo reads ours.
    let theirs = bench.top.path().join("theirs.tar");
    skopeo(&[
        "copy",
        "--src-tls-verify=false",
        &from,
        &format!("oci-archive:{}:1.0.0", text(&theirs)),
    ]);
    let mut file = std::fs::File::open(&theirs).unwrap();
    let carried = layout::read(&mut file, Some(&repository)).unwrap();
    assert_eq!(carried[0].pulled.component, element.component);
    let ours = bench.top.path().join("ours.tar");
    layout::write(&carried, &mut std::fs::File::create(&ours).unwrap()).unwrap();
    let said = skopeo(&["inspect", "--raw", &format!("oci-archive:{}", text(&ours))]);
    assert_eq!(Digest::of(said.as_bytes()), pushed.manifest.digest);
}

#[test]
fn what_wkg_and_older_programs_push_is_pulled() {
    let registry = DockerRegistry::start();
    let bench = Bench::new().plain(&registry.host);
    let repository = Bench::repository(&registry.host);
    let client = bench.registry(&repository);
    let component = b"\0asm\x0d\0\x01\0 of others";
    client.push_blob(&repository, component).unwrap();
    let digest = Digest::of(component);
    // As `oci-wasm` 0.6 and `wkg` 0.16 write it (crates/wasm-pkg-client/src/oci/publisher.rs), with the
    // time of the push; and as Envoy's and Kubewarden's programs do, with a layer beside.
    let wkg_config = format!(
        r#"{{"created":"2026-08-19T09:50:20.123456789Z","author":null,"architecture":"wasm","os":"wasip2","layerDigests":["{digest}"],"component":{{"exports":["dib:element/lifecycle@0.1.0"],"imports":[],"target":null}}}}"#
    );
    let wkg = format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{{"mediaType":"application/vnd.wasm.config.v0+json","digest":"{}","size":{}}},"layers":[{{"mediaType":"application/wasm","digest":"{digest}","size":{},"annotations":{{"org.opencontainers.image.title":"motd.wasm"}}}}],"annotations":{{"org.opencontainers.image.version":"1.0.0"}}}}"#,
        Digest::of(wkg_config.as_bytes()),
        wkg_config.len(),
        component.len()
    );
    let older = format!(
        r#"{{"schemaVersion":2,"config":{{"mediaType":"application/vnd.wasm.config.v1+json","digest":"{0}","size":2}},"layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"{0}","size":2}},{{"mediaType":"application/vnd.wasm.content.layer.v1+wasm","digest":"{digest}","size":{1},"annotations":{{"org.opencontainers.image.title":"module.wasm"}}}}]}}"#,
        Digest::of(b"{}"),
        component.len()
    );
    client.push_blob(&repository, wkg_config.as_bytes()).unwrap();
    client.push_blob(&repository, b"{}").unwrap();
    let kind = "application/vnd.oci.image.manifest.v1+json";
    for (tag, text, version) in [("1.0.0", &wkg, Some("1.0.0")), ("0.9.0", &older, None)] {
        client.push_manifest(&repository, &pointer(tag), text.as_bytes(), kind).unwrap();
        let pulled = client.pull_element(&repository, &pointer(tag)).unwrap();
        assert_eq!(
            (pulled.component.as_slice(), pulled.version.as_deref()),
            (&component[..], version)
        );
        let Parsed::Image(_) = Manifest::new(text.clone().into_bytes(), kind).parse().unwrap()
        else {
            panic!("{text}")
        };
    }
    // In an index among images for machines.
    let index = format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{{"mediaType":"{kind}","digest":"{0}","size":{1},"platform":{{"architecture":"amd64","os":"linux"}}}},{{"mediaType":"{kind}","digest":"{2}","size":{3},"platform":{{"architecture":"wasm","os":"wasip2"}}}}]}}"#,
        Digest::of(older.as_bytes()),
        older.len(),
        Digest::of(wkg.as_bytes()),
        wkg.len()
    );
    let index_type = "application/vnd.oci.image.index.v1+json";
    client.push_manifest(&repository, &pointer("all"), index.as_bytes(), index_type).unwrap();
    let pulled = client.pull_element(&repository, &pointer("all")).unwrap();
    assert_eq!(pulled.manifest.digest, Digest::of(wkg.as_bytes()));
}

#[test]
fn a_registry_with_tls_is_trusted_by_the_builder_s_authority_alone() {
    let authority = Authority::new();
    let registry = DockerRegistry::with_tls(&authority);
    let repository = Bench::repository(&registry.host);
    let trusting = |authority: &Authority| {
        let certificates = Some(authority.file());
        let outside = Outside { certificates, patience: patience(), ..Outside::default() };
        Bench::with(outside, dibhost_registry::oci::Logins::none())
    };
    let bench = trusting(&authority);
    let client = bench.registry(&repository);
    client.push_element(&repository, "1.0.0", &element("1.0.0"), false).unwrap();
    bench.pull(&repository, "1.0.0").unwrap();
    let stranger = trusting(&Authority::new()).pull(&repository, "1.0.0").unwrap_err();
    assert!(stranger.to_string().contains("certificate"), "{stranger}");
    // Nobody falls back to a connection that anybody could listen to.
    let plain = DockerRegistry::start();
    let other = Bench::repository(&plain.host);
    let refused = bench.pull(&other, "1.0.0").unwrap_err();
    assert!(matches!(refused, RegistryError::Unreachable { .. }), "{refused}");
    assert!(refused.help().unwrap().contains("--plain-http"));
}
