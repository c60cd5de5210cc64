//! What is signed: an in-toto statement whose subject is a digest, and what it says of it.
//!
//! ```json
//! {"_type":"https://in-toto.io/Statement/v1",
//!  "subject":[{"name":"motd","digest":{"sha256":"…"}}],
//!  "predicateType":"https://github.com/dibhost/dibhost/element/v1",
//!  "predicate":{"name":"motd","version":"1.2.0","component":"sha256:…",
//!               "contract":"dib:element@0.1.0","requests":["exec sh","rootfs write /etc/motd"]}}
//! ```

use std::collections::{BTreeMap, BTreeSet};

use dibhost_text::harmless;
use serde::{Deserialize, Serialize};

use super::error::TrustError;
use crate::oci::Digest;

/// The only type of payload that is read.
pub(super) const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
const STATEMENT: [&str; 2] =
    ["https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1"];
/// Never to be changed: what was signed has to be read for ever. What it says in another way has
/// another number.
const ELEMENT: &str = "https://github.com/dibhost/dibhost/element/v1";
/// `cosign sign`: of the digest, and nothing else.
const COSIGN: &str = "https://sigstore.dev/cosign/sign/v1";

/// An element asks for fewer; so that nobody makes this host keep megabytes of them.
const MOST_REQUESTS: usize = 1000;

/// What a signature says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The manifest of an element in a registry; the component itself, of a file.
    pub subject: Digest,
    /// What of the element was signed; none: its digest alone, as cosign does.
    pub element: Option<ElementClaim>,
}

/// What is signed of an element, beside the subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ElementClaim {
    /// What it calls itself.
    pub name: String,
    /// Semver.
    pub version: String,
    /// `sha256:…` of the component.
    pub component: String,
    /// The contract that it was made for, `dib:element@0.1.0`.
    pub contract: String,
    /// What it asks for: `rootfs write /etc/motd`, and a capability alone where that has no scope.
    pub requests: BTreeSet<String>,
}

#[derive(Serialize, Deserialize)]
struct Written {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    #[serde(default)]
    predicate: serde_json::Value,
}

#[derive(Serialize, Deserialize)]
struct Subject {
    #[serde(default)]
    name: String,
    digest: BTreeMap<String, String>,
}

impl Statement {
    pub(super) fn to_json(&self) -> Vec<u8> {
        let (name, predicate_type, predicate) = match &self.element {
            Some(claim) => {
                (claim.name.clone(), ELEMENT, serde_json::to_value(claim).unwrap_or_default())
            }
            None => (String::new(), COSIGN, serde_json::json!({})),
        };
        let digest = BTreeMap::from([("sha256".to_owned(), self.subject.hex().to_owned())]);
        let written = Written {
            kind: STATEMENT[0].to_owned(),
            subject: vec![Subject { name, digest }],
            predicate_type: predicate_type.to_owned(),
            predicate,
        };
        serde_json::to_vec(&written).unwrap_or_default()
    }

    /// Reads what was signed. `wanted` is what it has to be of.
    pub(super) fn read(json: &[u8], wanted: &Digest) -> Result<Self, TrustError> {
        let written: Written = serde_json::from_slice(json)
            .map_err(|_| TrustError::unreadable("what is signed is no in-toto statement"))?;
        if !STATEMENT.contains(&written.kind.as_str()) {
            return Err(TrustError::unreadable("what is signed is no in-toto statement"));
        }
        let [subject] = written.subject.as_slice() else {
            return Err(TrustError::unreadable(format!(
                "it is of {} subjects, and an element is one",
                written.subject.len()
            )));
        };
        let signed = subject.digest.get("sha256").map(|digits| format!("sha256:{digits}"));
        let signed = signed.ok_or_else(|| TrustError::unreadable("its subject has no SHA-256"))?;
        if signed.parse().as_ref() != Ok(wanted) {
            let signed = harmless(&signed, 80);
            return Err(TrustError::OtherDigest { signed, wanted: wanted.clone() });
        }
        let element = match written.predicate_type.as_str() {
            ELEMENT => Some(claim(written.predicate)?),
            COSIGN if is_empty(&written.predicate) => None,
            COSIGN => return Err(TrustError::unreadable("it says more than `cosign sign` does")),
            other => {
                let other = harmless(other, 120);
                return Err(TrustError::unreadable(format!(
                    "it is a statement of another kind, `{other}`"
                )));
            }
        };
        Ok(Self { subject: wanted.clone(), element })
    }
}

fn claim(predicate: serde_json::Value) -> Result<ElementClaim, TrustError> {
    let claim: ElementClaim = serde_json::from_value(predicate)
        .map_err(|error| TrustError::unreadable(format!("what it says of the element: {error}")))?;
    if claim.component.parse::<Digest>().is_err() {
        return Err(TrustError::unreadable("its `component` is no digest, as `sha256:…` is"));
    }
    if claim.requests.len() > MOST_REQUESTS {
        return Err(TrustError::unreadable("it names more rights than any element asks for"));
    }
    for (what, text) in [("name", &claim.name), ("version", &claim.version)] {
        if text.is_empty() || text.len() > 100 || text.chars().any(char::is_control) {
            return Err(TrustError::unreadable(format!("its `{what}` is none")));
        }
    }
    Ok(claim)
}

fn is_empty(predicate: &serde_json::Value) -> bool {
    match predicate {
        serde_json::Value::Null => true,
        serde_json::Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

impl ElementClaim {
    /// Refuses a component that is not the one that was signed, by what is known before it is
    /// compiled.
    ///
    /// # Errors
    /// What differs.
    pub fn is_of(
        &self,
        name: &str,
        version: Option<&str>,
        component: &Digest,
    ) -> Result<(), TrustError> {
        let wanted = [
            ("name", &self.name, Some(name)),
            ("version", &self.version, version),
            ("component", &self.component, Some(component.as_str())),
        ];
        differs(wanted)
    }

    /// Refuses a component that says something else of itself than what was signed.
    ///
    /// # Errors
    /// What differs.
    pub fn agrees_with(&self, described: &Self) -> Result<(), TrustError> {
        differs([
            ("name", &self.name, Some(described.name.as_str())),
            ("version", &self.version, Some(&described.version)),
            ("component", &self.component, Some(&described.component)),
        ])?;
        differs([("contract", &self.contract, Some(described.contract.as_str()))])?;
        let differs: Vec<&str> =
            self.requests.symmetric_difference(&described.requests).map(String::as_str).collect();
        match differs.is_empty() {
            true => Ok(()),
            false => Err(TrustError::OtherRequests { differs: differs.join(", ") }),
        }
    }
}

fn differs<const N: usize>(
    wanted: [(&'static str, &String, Option<&str>); N],
) -> Result<(), TrustError> {
    for (what, signed, is) in wanted {
        if let Some(is) = is.filter(|is| is != signed) {
            let (signed, is) = (signed.clone(), is.to_owned());
            return Err(TrustError::OtherThan { what, signed, is });
        }
    }
    Ok(())
}
