//! Elements in OCI registries.
//!
//! ```text
//! transfer   an element pushed, pulled, copied, its signatures with it
//!   ├─ artifact    how an element is written as an artifact, and found in one
//!   └─ referrers   what refers to a manifest: by the API, else by the tag that stands in for it
//!        └─ registry   manifests, blobs, tags
//!             └─ session   one request: who asks, where it may lead, what the answer means
//!                  ├─ logins      docker's files and programs
//!                  └─ challenge   what a registry wants to know
//! container  the layers of a container's image, of which a tree is made
//! store      what was pulled: by digest, whole or not at all, verified whenever read
//!   └─ folder      this user's alone, no link followed
//! layout     elements and signatures in one file, for where no registry is reached
//!   └─ manifest, reference, digest   what all of them speak of
//! ```
//!
//! A registry is not trusted: all it sends is bounded, and is what its digest says or is not used.
//! What a digest does not say is who made it: that is what signatures are for.

mod artifact;
mod challenge;
mod container;
mod digest;
mod error;
mod folder;
pub mod layout;
mod logins;
mod manifest;
mod reference;
mod referrers;
mod registry;
mod session;
mod store;
mod transfer;

pub use artifact::{BUNDLE, ELEMENT, Element, Form, Packed, WASM, WASM_CONFIG, bundle};
pub use container::{ContainerLayer, ContainerReference, Containers, Packing};
pub use digest::Digest;
pub use error::RegistryError;
pub use logins::Logins;
pub use manifest::{
    Descriptor, ImageIndex, ImageManifest, Manifest, Parsed, Platform, parse as parse_manifest,
};
pub use reference::{Pointer, Reference, Repository, SCHEME, is_tag};
pub use referrers::Artifact;
pub use registry::{PushedManifest, Registries, Registry};
pub use store::{ElementStore, Kept, ListedElement, StoreError, Whole};
pub use transfer::{Bundles, Copied, MOST_COMPONENT, Pulled, Pushed};
