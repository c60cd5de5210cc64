//! The file in which a signature travels: a DSSE envelope in a Sigstore bundle of version 0.3, as
//! cosign 3 writes it with a pair of keys; and cosign's form before that, kept in JSON of our own.

use data_encoding::{BASE64, BASE64URL};
use serde::{Deserialize, Serialize};

use super::error::{KeyError, TrustError};
use super::key::{SigningKey, VerifyingKey};
use super::statement::{PAYLOAD_TYPE, Statement};
use crate::oci::Digest;
use dibhost_text::harmless;

/// The media type of a bundle; as a file in a registry, and in the file itself.
pub const BUNDLE_TYPE: &str = crate::oci::BUNDLE;
/// The same as it was first written.
const BUNDLE_TYPE_BEFORE: &str = "application/vnd.dev.sigstore.bundle+json;version=0.3";
/// The media type of cosign's signatures until version 2.
pub const SIMPLE_SIGNING_TYPE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

/// Bytes that a bundle may have: one with certificates and the proofs of a log has some 10 KiB.
pub const LARGEST_BUNDLE: usize = 1 << 20;
/// A signature of P-256 has 72 at most, one of Ed25519 64.
const LARGEST_SIGNATURE: usize = 128;

/// A signature that was found good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The key that made it.
    pub key: VerifyingKey,
    /// What it says.
    pub statement: Statement,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bundle {
    media_type: String,
    verification_material: Option<Material>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dsse_envelope: Option<Envelope>,
    #[serde(default, skip_serializing)]
    message_signature: Option<serde_json::Value>,
    /// Of cosign's form before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    simple_signing: Option<SimpleSigning>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Material {
    public_key: Option<PublicKey>,
    #[serde(default)]
    tlog_entries: Vec<serde_json::Value>,
}

#[derive(Serialize, Deserialize)]
struct PublicKey {
    #[serde(default)]
    hint: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<Signature>,
}

#[derive(Serialize, Deserialize)]
struct Signature {
    sig: String,
    #[serde(default)]
    keyid: String,
}

#[derive(Serialize, Deserialize)]
struct SimpleSigning {
    payload: String,
    signature: String,
}

/// What cosign signed before: JSON without a type.
#[derive(Deserialize)]
struct Simple {
    critical: Critical,
}

#[derive(Deserialize)]
struct Critical {
    image: Image,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct Image {
    #[serde(rename = "docker-manifest-digest")]
    digest: String,
}

/// Signs a statement: the bytes of a bundle.
///
/// # Errors
/// When the kernel gives no random bytes.
pub fn sign(statement: &Statement, key: &SigningKey) -> Result<Vec<u8>, KeyError> {
    let payload = statement.to_json();
    let signature = key.sign(&pre_authentication(PAYLOAD_TYPE, &payload))?;
    let bundle = Bundle {
        media_type: BUNDLE_TYPE.to_owned(),
        verification_material: Some(Material {
            public_key: Some(PublicKey { hint: key.verifying_key().hint() }),
            tlog_entries: Vec::new(),
        }),
        dsse_envelope: Some(Envelope {
            payload: BASE64.encode(&payload),
            payload_type: PAYLOAD_TYPE.to_owned(),
            signatures: vec![Signature { sig: BASE64.encode(&signature), keyid: String::new() }],
        }),
        message_signature: None,
        simple_signing: None,
    };
    serde_json::to_vec(&bundle).map_err(|error| KeyError::new(format!("cannot sign: {error}")))
}

/// The bytes in which a signature of cosign's form before is kept: the layer's bytes, and the
/// layer's annotation `dev.cosignproject.cosign/signature`.
#[must_use]
pub fn simple_signing(payload: &[u8], signature: &str) -> Vec<u8> {
    let bundle = Bundle {
        media_type: SIMPLE_SIGNING_TYPE.to_owned(),
        verification_material: None,
        dsse_envelope: None,
        message_signature: None,
        simple_signing: Some(SimpleSigning {
            payload: BASE64.encode(payload),
            signature: signature.to_owned(),
        }),
    };
    serde_json::to_vec(&bundle).unwrap_or_default()
}

/// Reads a bundle that one of these keys has to have made, of this subject. What the bundle says of
/// its key and of logs counts for nothing.
///
/// # Errors
/// When it is no sound bundle, made by none of the keys, or of something else.
pub fn verify(
    bundle: &[u8],
    keys: &[VerifyingKey],
    subject: &Digest,
) -> Result<Verified, TrustError> {
    if bundle.len() > LARGEST_BUNDLE {
        return Err(TrustError::unreadable(format!("it has more than {LARGEST_BUNDLE} bytes")));
    }
    let bundle: Bundle = serde_json::from_slice(bundle)
        .map_err(|_| TrustError::unreadable("it is no Sigstore bundle"))?;
    match bundle.media_type.as_str() {
        BUNDLE_TYPE | BUNDLE_TYPE_BEFORE => verify_envelope(bundle, keys, subject),
        SIMPLE_SIGNING_TYPE => verify_simple(bundle, keys, subject),
        other => {
            let other = harmless(other, 100);
            Err(TrustError::unreadable(format!(
                "it is of the type `{other}`, and `{BUNDLE_TYPE}` is read"
            )))
        }
    }
}

fn verify_envelope(
    bundle: Bundle,
    keys: &[VerifyingKey],
    subject: &Digest,
) -> Result<Verified, TrustError> {
    if bundle.message_signature.is_some() || bundle.simple_signing.is_some() {
        return Err(TrustError::unreadable("it signs bytes, and says nothing of what they are"));
    }
    let envelope =
        bundle.dsse_envelope.ok_or_else(|| TrustError::unreadable("it has no DSSE envelope"))?;
    let material = bundle.verification_material;
    let hint = match material.map(|material| material.public_key) {
        Some(Some(key)) => key.hint,
        _ => {
            return Err(TrustError::unreadable(
                "it is signed by a certificate, and this host trusts keys alone",
            ));
        }
    };
    if envelope.payload_type != PAYLOAD_TYPE {
        let other = harmless(&envelope.payload_type, 100);
        return Err(TrustError::unreadable(format!("what is signed is of the type `{other}`")));
    }
    let [signature] = envelope.signatures.as_slice() else {
        return Err(TrustError::unreadable(format!(
            "it has {} signatures",
            envelope.signatures.len()
        )));
    };
    let payload = bytes(&envelope.payload, "payload")?;
    let signature = bytes(&signature.sig, "signature")?;
    let signed = pre_authentication(PAYLOAD_TYPE, &payload);
    let key = made_by(keys, &signed, &signature, hint)?;
    // Only what was signed is looked at.
    Ok(Verified { key, statement: Statement::read(&payload, subject)? })
}

fn verify_simple(
    bundle: Bundle,
    keys: &[VerifyingKey],
    subject: &Digest,
) -> Result<Verified, TrustError> {
    let simple =
        bundle.simple_signing.ok_or_else(|| TrustError::unreadable("it has no signature"))?;
    let payload = bytes(&simple.payload, "payload")?;
    let signature = bytes(&simple.signature, "signature")?;
    let key = made_by(keys, &payload, &signature, String::new())?;
    let simple: Simple = serde_json::from_slice(&payload)
        .map_err(|_| TrustError::unreadable("what is signed is not what cosign signs"))?;
    if simple.critical.kind != "cosign container image signature" {
        return Err(TrustError::unreadable("what is signed is not what cosign signs"));
    }
    let signed = simple.critical.image.digest;
    if signed.parse().as_ref() != Ok(subject) {
        let signed = harmless(&signed, 80);
        return Err(TrustError::OtherDigest { signed, wanted: subject.clone() });
    }
    Ok(Verified { key, statement: Statement { subject: subject.clone(), element: None } })
}

fn made_by(
    keys: &[VerifyingKey],
    signed: &[u8],
    signature: &[u8],
    hint: String,
) -> Result<VerifyingKey, TrustError> {
    let key = keys.iter().find(|key| key.holds(signed, signature));
    key.cloned().ok_or(TrustError::OtherKey { hint })
}

fn bytes(text: &str, what: &str) -> Result<Vec<u8>, TrustError> {
    let decoded = BASE64.decode(text.as_bytes()).or_else(|_| BASE64URL.decode(text.as_bytes()));
    let bytes =
        decoded.map_err(|_| TrustError::unreadable(format!("its {what} is not in base64")))?;
    if what == "signature" && bytes.len() > LARGEST_SIGNATURE {
        return Err(TrustError::unreadable("its signature is longer than any of its kind"));
    }
    Ok(bytes)
}

/// What is signed of an envelope (DSSE 1.0.2, "PAE"): so no payload passes for one of another type.
fn pre_authentication(kind: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

#[cfg(test)]
mod tests;
