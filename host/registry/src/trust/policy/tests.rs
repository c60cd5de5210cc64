use std::collections::BTreeSet;
use std::path::PathBuf;

use super::super::bundle::sign;
use super::super::key::{Algorithm, SigningKey};
use super::super::statement::Statement;
use super::*;

struct Keys {
    folder: tempfile::TempDir,
    acme: SigningKey,
    other: SigningKey,
}

impl Keys {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let acme = SigningKey::generate(Algorithm::EcdsaP256).unwrap();
        let other = SigningKey::generate(Algorithm::Ed25519).unwrap();
        for (name, key) in [("acme.pub", &acme), ("other.pub", &other)] {
            std::fs::write(folder.path().join(name), key.verifying_key().to_pem()).unwrap();
        }
        Self { folder, acme, other }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("trust.toml")
    }

    fn policy(&self, text: &str) -> Policy {
        std::fs::write(self.path(), text).unwrap();
        Policy::load(&self.path()).unwrap().unwrap()
    }
}

const ACME: &str = "[[publishers]]\nname = \"acme\"\nnames = [\"oci://r.example/acme/*\"]\nkeys = [\"acme.pub\"]\n";
const NAME: &str = "oci://r.example/acme/motd";

fn subject() -> Digest {
    Digest::of(b"manifest")
}

fn signed(key: &SigningKey) -> Vec<u8> {
    let element = Some(claim());
    sign(&Statement { subject: subject(), element }, key).unwrap()
}

fn claim() -> ElementClaim {
    ElementClaim {
        name: "motd".to_owned(),
        version: "1.2.0".to_owned(),
        component: Digest::of(b"component").to_string(),
        contract: "dib:element@0.1.0".to_owned(),
        requests: BTreeSet::from(["exec sh".to_owned()]),
    }
}

fn ask(policy: &Policy, name: &str, bundles: &[Vec<u8>]) -> Result<Verdict, TrustError> {
    policy.decide(Question { name, subject: &subject(), today: 20_000 }, bundles)
}

#[test]
fn without_a_policy_nobody_is_trusted_for_anything_of_a_registry() {
    let keys = Keys::new();
    assert!(Policy::load(&keys.path()).unwrap().is_none());
    let none = Policy::default();
    assert_eq!(ask(&none, NAME, &[signed(&keys.acme)]), Err(TrustError::Nobody));
    assert_eq!(ask(&none, "file:motd", &[]), Ok(Verdict::default()));
    let open = keys.policy("default = \"allow\"\nfiles = \"deny\"\n");
    assert_eq!(ask(&open, NAME, &[]), Ok(Verdict::default()));
    assert_eq!(ask(&open, "file:motd", &[]), Err(TrustError::Nobody));
}

#[test]
fn a_key_counts_for_the_names_of_its_rule() {
    let keys = Keys::new();
    let policy = keys.policy(&format!(
        "{ACME}[[publishers]]\nnames = [\"oci://*/lab/*\", \"oci://r.example/*\"]\nkeys = [\"other.pub\"]\n"
    ));
    let verdict = ask(&policy, NAME, &[signed(&keys.acme)]).unwrap();
    assert_eq!(verdict.key, Some(keys.acme.verifying_key().id()));
    assert_eq!(verdict.claim, Some(claim()));
    assert_eq!(verdict.publisher.unwrap().name, "acme");
    // The first rule that names it is the one that counts, whoever a later one trusts.
    let refused = ask(&policy, NAME, &[signed(&keys.other)]).unwrap_err();
    assert!(matches!(refused, TrustError::OtherKey { .. }), "{refused}");
    for (name, by_acme) in [
        ("oci://r.example/acme/x/motd", true),
        ("oci://r.example/acmes/motd", false),
        ("oci://r.example/lab/motd", false),
        ("oci://elsewhere.example/lab/motd", false),
    ] {
        assert_eq!(ask(&policy, name, &[signed(&keys.acme)]).is_ok(), by_acme, "{name}");
        assert_eq!(ask(&policy, name, &[signed(&keys.other)]).is_ok(), !by_acme, "{name}");
    }
    for nobodys in ["oci://r.example.evil/acme/motd", "oci://evil/r.example/acme/motd"] {
        assert_eq!(ask(&policy, nobodys, &[signed(&keys.acme)]), Err(TrustError::Nobody));
    }
}

#[test]
fn a_good_signature_is_found_among_others() {
    let keys = Keys::new();
    let policy = keys.policy(ACME);
    let junk = b"{}".to_vec();
    let all = [junk.clone(), signed(&keys.other), signed(&keys.acme)];
    assert!(ask(&policy, NAME, &all).is_ok());
    assert_eq!(ask(&policy, NAME, &[]), Err(TrustError::Unsigned));
    // The most telling one is told: a trusted key signed something else.
    let element = Some(claim());
    let elsewhere = sign(&Statement { subject: Digest::of(b"x"), element }, &keys.acme).unwrap();
    let refused = ask(&policy, NAME, &[signed(&keys.other), elsewhere]).unwrap_err();
    assert!(matches!(refused, TrustError::OtherDigest { .. }), "{refused}");
    let flood: Vec<_> = std::iter::repeat_n(junk, 100_000).chain([signed(&keys.acme)]).collect();
    assert!(ask(&policy, NAME, &flood).is_err());
}

#[test]
fn what_a_rule_asks_beyond_a_key() {
    let keys = Keys::new();
    // 20,000 days after 1970.
    let until = |day: &str| keys.policy(&format!("{ACME}until = {day}\n"));
    let both = [signed(&keys.acme)];
    assert!(ask(&until("2024-10-04"), NAME, &both).is_ok());
    let expired = TrustError::Expired { until: "2024-10-03".to_owned() };
    assert_eq!(ask(&until("2024-10-03"), NAME, &both), Err(expired));

    let digest_alone = sign(&Statement { subject: subject(), element: None }, &keys.acme).unwrap();
    assert_eq!(
        ask(&keys.policy(ACME), NAME, std::slice::from_ref(&digest_alone)).unwrap().claim,
        None
    );
    let whole = keys.policy(&format!("{ACME}statement = \"element\"\n"));
    assert_eq!(
        ask(&whole, NAME, std::slice::from_ref(&digest_alone)),
        Err(TrustError::SaysTooLittle)
    );
    assert!(ask(&whole, NAME, &[digest_alone, signed(&keys.acme)]).is_ok());

    let unsigned = keys.policy(&format!("{ACME}unsigned = true\n"));
    assert_eq!(ask(&unsigned, NAME, &[]).unwrap().key, None);
    let blocked = keys.policy(
        "default = \"allow\"\n[[publishers]]\nnames = [\"oci://r.example/*\"]\nkeys = []\n",
    );
    assert!(ask(&blocked, NAME, &both).is_err());
}

#[test]
fn keys_that_cannot_be_read_are_told_with_their_place() {
    let keys = Keys::new();
    let plain = keys.acme.to_pem(None).unwrap();
    std::fs::write(keys.folder.path().join("acme.key"), &*plain).unwrap();
    let text = "[[publishers]]\nnames = [\"oci://r.example/*\"]\nkeys = [\"none.pub\", \"acme.key\", \"/dev/zero\"]\n";
    std::fs::write(keys.path(), text).unwrap();
    let said = Policy::load(&keys.path()).unwrap_err().to_string();
    let said = said.replace(&keys.folder.path().display().to_string(), "FOLDER");
    insta::assert_snapshot!(said);
}

#[test]
fn what_was_signed_is_what_is_there() {
    let claim = claim();
    let component = Digest::of(b"component");
    assert_eq!(claim.is_of("motd", Some("1.2.0"), &component), Ok(()));
    assert_eq!(claim.is_of("motd", None, &component), Ok(()));
    let said = |result: Result<(), TrustError>| result.unwrap_err().to_string();
    for (result, says) in [
        (claim.is_of("debug", None, &component), "of the name `motd`, and this is `debug`"),
        (
            claim.is_of("motd", Some("1.3.0"), &component),
            "of the version `1.2.0`, and this is `1.3.0`",
        ),
        (claim.is_of("motd", None, &Digest::of(b"x")), "of the component `sha256:"),
    ] {
        let said = said(result);
        assert!(said.contains(says), "{said}");
    }
    let described = |change: fn(&mut ElementClaim)| {
        let mut described = claim.clone();
        change(&mut described);
        claim.agrees_with(&described)
    };
    assert_eq!(described(|_| {}), Ok(()));
    assert!(said(described(|d| d.contract = "dib:element@0.2.0".to_owned())).contains("contract"));
    let more = said(described(|d| d.requests.extend(["rootfs write /".to_owned()])));
    assert!(more.ends_with("rights that it asks for: rootfs write /"), "{more}");
    assert!(described(|d| d.requests.clear()).is_err());
}

#[test]
fn what_is_older_is_refused() {
    assert_eq!(refuse_older("1.2.0", "1.2.0"), Ok(()));
    assert_eq!(refuse_older("1.2.0", "1.10.0"), Ok(()));
    for (was, is) in [("1.10.0", "1.9.9"), ("1.0.0", "1.0.0-rc.1"), ("2.0.0", "1.99.0")] {
        let refused = refuse_older(was, is).unwrap_err();
        assert!(refused.help().contains("--allow-older"));
    }
}
