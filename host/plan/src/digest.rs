//! Canonical JSON and digests. The form is pinned by a test: seeds of UUIDs and keys of layers
//! derive from it, so another form makes every image another one.

use serde_json::Value;
use sha2::{Digest, Sha256};

/// A JSON document in the one form that is hashed: no white space, the keys of every object in
/// the order of their bytes, numbers and strings as `serde_json` writes them.
#[must_use]
pub fn canonical(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort_unstable();
            out.push('{');
            for (i, key) in keys.into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                write(&map[key], out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

/// 64 hex digits of the SHA-256 of a document's canonical form.
#[must_use]
pub fn digest_of(value: &Value) -> String {
    sha256(canonical(value).as_bytes()).split_off("sha256:".len())
}

/// `sha256:…` of bytes.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    let mut text = String::from("sha256:");
    for byte in Sha256::digest(bytes) {
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_canonical_form_is_pinned() {
        let value = json!({"b": [1, -2, 1.5, null, true], "a": {"ü\n": "x\"", "B": {}}});
        assert_eq!(
            canonical(&value),
            "{\"a\":{\"B\":{},\"ü\\n\":\"x\\\"\"},\"b\":[1,-2,1.5,null,true]}"
        );
        assert_eq!(
            digest_of(&json!({"b": 1, "a": 2})),
            "d3626ac30a87e6f7a6428233b3c68299976865fa5508e4267c5415c76af7a772"
        );
    }
}
