//! A signature as a registry sends it: whatever is in it, it is refused or says what a key said.

use std::sync::LazyLock;

use dibhost_registry::oci::Digest;
use dibhost_registry::trust::{
    Algorithm, SigningKey, Statement, VerifyingKey, sign, simple_signing, verify,
};

static KEY: LazyLock<VerifyingKey> = LazyLock::new(|| {
    VerifyingKey::from_pem(include_str!("trust_bundle.pub")).expect("it is a public key")
});

/// Its key is on no machine, so that nothing that is made up is signed by it.
pub(crate) fn trust_bundle(data: &[u8]) {
    let subject = Digest::of(b"manifest");
    let keys = std::slice::from_ref(&*KEY);
    assert!(verify(data, keys, &subject).is_err(), "nobody signed that");
    let half = data.len() / 2;
    let signature = String::from_utf8_lossy(&data[half..]);
    let wrapped = simple_signing(&data[..half], &signature);
    assert!(verify(&wrapped, keys, &subject).is_err(), "nobody signed that");
    // Keys are read from files that anybody may have written.
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = VerifyingKey::from_pem(text);
        if let Ok(key) = SigningKey::from_pem(text, None) {
            let statement = Statement { subject: subject.clone(), element: None };
            let bundle = sign(&statement, &key).expect("the kernel has random bytes");
            let verified = verify(&bundle, &[key.verifying_key()], &subject);
            assert_eq!(verified.map(|v| v.statement), Ok(statement));
            assert!(matches!(
                key.verifying_key().algorithm(),
                Algorithm::EcdsaP256 | Algorithm::Ed25519
            ));
        }
    }
}
