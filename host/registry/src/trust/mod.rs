//! Who made an element, and whether that counts.
//!
//! ```text
//! policy       which keys count for which names; deny by default
//!   │
//! bundle       a signature as it travels: DSSE in a Sigstore bundle, cosign's forms
//!   ├─ statement   what is signed: digest, name, version, contract, rights
//!   └─ key         ECDSA P-256, Ed25519
//!       ├─ key_file    PEM, files of one's own
//!       └─ secret_box  cosign's encryption of private keys
//! ```
//!
//! Pure: no network, no clock. All that is read here was written by somebody else.

mod bundle;
mod error;
mod key;
mod key_file;
mod policy;
mod secret_box;
mod statement;

pub use bundle::{
    BUNDLE_TYPE, LARGEST_BUNDLE, SIMPLE_SIGNING_TYPE, Verified, sign, simple_signing, verify,
};
pub use error::{KeyError, TrustError};
pub use key::{Algorithm, SigningKey, VerifyingKey};
pub use key_file::write_new;
pub use policy::{Policy, Publisher, Question, Verdict, refuse_older};
pub use statement::{ElementClaim, Statement};
