use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::key::Algorithm;
use super::super::statement::ElementClaim;
use super::*;

fn key() -> SigningKey {
    SigningKey::generate(Algorithm::EcdsaP256).unwrap()
}

fn statement(subject: &Digest) -> Statement {
    let claim = ElementClaim {
        name: "motd".to_owned(),
        version: "1.2.0".to_owned(),
        component: Digest::of(b"component").to_string(),
        contract: "dib:element@0.1.0".to_owned(),
        requests: BTreeSet::from(["exec sh".to_owned(), "rootfs write /etc/motd".to_owned()]),
    };
    Statement { subject: subject.clone(), element: Some(claim) }
}

/// A bundle whose parts were changed.
fn changed(bundle: &[u8], change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut json: Value = serde_json::from_slice(bundle).unwrap();
    change(&mut json);
    serde_json::to_vec(&json).unwrap()
}

/// What is signed, in a bundle that its own key made: as a publisher who writes other things.
fn signed(key: &SigningKey, kind: &str, payload: &[u8]) -> Vec<u8> {
    let signature = key.sign(&pre_authentication(kind, payload)).unwrap();
    let bundle = json!({
        "mediaType": BUNDLE_TYPE,
        "verificationMaterial": { "publicKey": { "hint": "x" } },
        "dsseEnvelope": {
            "payload": BASE64.encode(payload),
            "payloadType": kind,
            "signatures": [{ "sig": BASE64.encode(&signature) }],
        },
    });
    serde_json::to_vec(&bundle).unwrap()
}

fn said(result: Result<Verified, TrustError>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn what_is_signed_is_read_by_its_key_alone() {
    for algorithm in [Algorithm::EcdsaP256, Algorithm::Ed25519] {
        let (key, other) = (SigningKey::generate(algorithm).unwrap(), self::key());
        let subject = Digest::of(b"manifest");
        let bundle = sign(&statement(&subject), &key).unwrap();
        let keys = [other.verifying_key(), key.verifying_key()];
        let verified = verify(&bundle, &keys, &subject).unwrap();
        assert_eq!(verified.key, key.verifying_key());
        assert_eq!(verified.statement, statement(&subject));
        let refused = verify(&bundle, &[other.verifying_key()], &subject).unwrap_err();
        assert_eq!(refused, TrustError::OtherKey { hint: key.verifying_key().hint() });
        assert!(verify(&bundle, &[], &subject).is_err());
    }
}

#[test]
fn the_bytes_that_are_signed_are_pinned() {
    // The example of the specification of DSSE.
    let signed = pre_authentication("http://example.com/HelloWorld", b"hello world");
    assert_eq!(signed, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    let payload = String::from_utf8(statement(&Digest::of(b"manifest")).to_json()).unwrap();
    insta::assert_snapshot!(payload);
}

#[test]
fn a_flipped_bit_anywhere_is_refused() {
    let key = key();
    let subject = Digest::of(b"manifest");
    let bundle = sign(&statement(&subject), &key).unwrap();
    let keys = [key.verifying_key()];
    let whole = verify(&bundle, &keys, &subject).unwrap();
    for at in 0..bundle.len() {
        for bit in [0x01, 0x20] {
            let mut flipped = bundle.clone();
            flipped[at] ^= bit;
            // Within what is not signed (the hint, names of fields that nobody reads) it says the
            // same still; it never says anything else.
            if let Ok(verified) = verify(&flipped, &keys, &subject) {
                assert_eq!(verified, whole, "byte {at}");
            }
        }
        assert!(verify(&bundle[..at], &keys, &subject).is_err(), "cut at {at}");
    }
}

#[test]
fn a_signature_of_something_else_is_refused() {
    let key = key();
    let keys = [key.verifying_key()];
    let (one, other) = (Digest::of(b"one"), Digest::of(b"other"));
    let bundle = sign(&statement(&one), &key).unwrap();
    assert_eq!(
        said(verify(&bundle, &keys, &other)),
        format!("its signature is of {one} and not of {other}")
    );
    // The payload of another element's bundle under this one's signature.
    let foreign = sign(&statement(&other), &self::key()).unwrap();
    let foreign: Value = serde_json::from_slice(&foreign).unwrap();
    let payload = foreign["dsseEnvelope"]["payload"].clone();
    let mixed = changed(&bundle, |json| json["dsseEnvelope"]["payload"] = payload);
    assert!(said(verify(&mixed, &keys, &other)).contains("signed by no key"));
}

#[test]
fn each_part_of_a_bundle_is_checked() {
    let key = key();
    let keys = [key.verifying_key()];
    let subject = Digest::of(b"manifest");
    let bundle = sign(&statement(&subject), &key).unwrap();
    type Change = fn(&mut Value);
    let changes: [(Change, &str); 15] = [
        (
            |b| b["mediaType"] = json!("application/vnd.dev.sigstore.bundle+json;version=0.1"),
            "is read",
        ),
        (|b| b["mediaType"] = json!(7), "no Sigstore bundle"),
        (|b| b["messageSignature"] = json!({}), "says nothing of what they are"),
        (|b| b["dsseEnvelope"] = json!(null), "no DSSE envelope"),
        (|b| b["verificationMaterial"] = json!({ "certificate": {} }), "trusts keys alone"),
        (|b| b["verificationMaterial"] = json!(null), "trusts keys alone"),
        (|b| b["dsseEnvelope"]["payloadType"] = json!("text/plain"), "is of the type `text/plain`"),
        (|b| b["dsseEnvelope"]["signatures"] = json!([]), "has 0 signatures"),
        (
            |b| {
                let one = b["dsseEnvelope"]["signatures"][0].clone();
                b["dsseEnvelope"]["signatures"] = json!([one.clone(), one]);
            },
            "has 2 signatures",
        ),
        (|b| b["dsseEnvelope"]["payload"] = json!("!"), "payload is not in base64"),
        (|b| b["dsseEnvelope"]["signatures"][0]["sig"] = json!("?"), "signature is not in base64"),
        (
            |b| b["dsseEnvelope"]["signatures"][0]["sig"] = json!(BASE64.encode(&[0; 200])),
            "longer than any",
        ),
        (|b| b["dsseEnvelope"]["signatures"][0]["sig"] = json!(""), "signed by no key"),
        (|b| *b = json!([]), "no Sigstore bundle"),
        (|b| *b = json!({ "mediaType": SIMPLE_SIGNING_TYPE }), "it has no signature"),
    ];
    for (change, says) in changes {
        let said = said(verify(&changed(&bundle, change), &keys, &subject));
        assert!(said.contains(says), "{says}: {said}");
    }
    let large = [bundle.as_slice(), &vec![b' '; LARGEST_BUNDLE]].concat();
    assert!(said(verify(&large, &keys, &subject)).contains("more than 1048576 bytes"));
    let deep = "[".repeat(100_000);
    assert!(said(verify(deep.as_bytes(), &keys, &subject)).contains("no Sigstore bundle"));
}

#[test]
fn each_part_of_a_statement_is_checked_though_a_trusted_key_signed_it() {
    let key = key();
    let keys = [key.verifying_key()];
    let subject = Digest::of(b"manifest");
    let sound: Value = serde_json::from_slice(&statement(&subject).to_json()).unwrap();
    type Change = fn(&mut Value);
    let changes: [(Change, &str); 14] = [
        (|s| s["_type"] = json!("x"), "no in-toto statement"),
        (|s| s["subject"] = json!([]), "of 0 subjects"),
        (
            |s| {
                let one = s["subject"][0].clone();
                s["subject"] = json!([one.clone(), one]);
            },
            "of 2 subjects",
        ),
        (|s| s["subject"][0]["digest"] = json!({ "sha512": "00" }), "has no SHA-256"),
        (|s| s["subject"][0]["digest"]["sha256"] = json!("00"), "is of sha256:00 and not of"),
        (|s| s["predicateType"] = json!("https://slsa.dev/provenance/v1"), "of another kind"),
        (|s| s["predicateType"] = json!("https://sigstore.dev/cosign/sign/v1"), "says more than"),
        (|s| s["predicate"]["more"] = json!(1), "unknown field `more`"),
        (|s| s["predicate"]["name"] = json!(""), "its `name` is none"),
        (|s| s["predicate"]["version"] = json!("1\n"), "its `version` is none"),
        (|s| s["predicate"]["component"] = json!("sha256:0"), "`component` is no digest"),
        (|s| s["predicate"]["requests"] = json!("exec sh"), "what it says of the element"),
        (|s| s["predicate"] = json!(null), "what it says of the element"),
        (
            |s| s["predicate"]["requests"] = (0..2000).map(|n| n.to_string()).collect(),
            "more rights than any",
        ),
    ];
    for (change, says) in changes {
        let mut statement = sound.clone();
        change(&mut statement);
        let payload = serde_json::to_vec(&statement).unwrap();
        let said = said(verify(&signed(&key, PAYLOAD_TYPE, &payload), &keys, &subject));
        assert!(said.contains(says), "{says}: {said}");
    }
    // A key said twice could be read one way here and another way elsewhere.
    let twice = String::from_utf8(statement(&subject).to_json()).unwrap();
    let twice = twice
        .replace("\"name\":\"motd\",\"version\"", "\"name\":\"x\",\"name\":\"motd\",\"version\"");
    let refused = verify(&signed(&key, PAYLOAD_TYPE, twice.as_bytes()), &keys, &subject);
    assert!(refused.is_ok() || said(refused).contains("duplicate"), "{twice}");
    // Signed as another type, the same bytes are no statement.
    let sound = statement(&subject).to_json();
    let other = signed(&key, "text/plain", &sound);
    let other = changed(&other, |b| b["dsseEnvelope"]["payloadType"] = json!(PAYLOAD_TYPE));
    assert!(said(verify(&other, &keys, &subject)).contains("signed by no key"));
}

#[test]
fn what_cosign_signs_is_read_and_says_the_digest_alone() {
    let key = key();
    let keys = [key.verifying_key()];
    let subject = Digest::of(b"manifest");
    // As protojson writes it.
    let payload = format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1", "subject":[{{"digest":{{"sha256":"{}"}}}}], "predicateType":"https://sigstore.dev/cosign/sign/v1", "predicate":{{}}}}"#,
        subject.hex()
    );
    let verified = verify(&signed(&key, PAYLOAD_TYPE, payload.as_bytes()), &keys, &subject);
    assert_eq!(verified.unwrap().statement.element, None);

    let payload = json!({
        "critical": {
            "identity": { "docker-reference": "registry.example/acme/motd" },
            "image": { "docker-manifest-digest": subject.as_str() },
            "type": "cosign container image signature",
        },
        "optional": null,
    });
    let simple = |payload: &Value| {
        let payload = serde_json::to_vec(payload).unwrap();
        let signature = BASE64.encode(&key.sign(&payload).unwrap());
        simple_signing(&payload, &signature)
    };
    let verified = verify(&simple(&payload), &keys, &subject).unwrap();
    assert_eq!(verified.statement, Statement { subject: subject.clone(), element: None });
    let other = Digest::of(b"other");
    assert!(said(verify(&simple(&payload), &keys, &other)).contains("and not of"));
    let none = said(verify(&simple(&payload), &[self::key().verifying_key()], &subject));
    assert_eq!(none, "it is signed by no key that is trusted for it");
    let mut kind = payload.clone();
    kind["critical"]["type"] = json!("atomic container signature");
    assert!(said(verify(&simple(&kind), &keys, &subject)).contains("not what cosign signs"));
    // A statement signed as such is no simple signing, nor the other way round.
    let statement = statement(&subject).to_json();
    let raw = BASE64.encode(&key.sign(&statement).unwrap());
    assert!(verify(&simple_signing(&statement, &raw), &keys, &subject).is_err());
}
