//! `dibhost element keygen|sign|verify`.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use dibhost_registry::oci::{self, Digest, MOST_COMPONENT, Pointer, Pulled, Reference, Registry};
use dibhost_registry::trust::{
    Algorithm, ElementClaim, KeyError, LARGEST_BUNDLE, Policy, Question, SigningKey, Statement,
    TrustError, Verdict, VerifyingKey, sign as sign_statement, verify as verify_bundle, write_new,
};
use dibhost_sys::read_regular;
use serde_json::json;
use zeroize::Zeroizing;

use crate::cli::{
    DataFormat, ElementOptions, KeyAlgorithm, KeygenArgs, PassphraseOptions, RegistryOptions,
    SignArgs, TrustVerb, VerifyElementArgs,
};
use crate::failure::Failure;
use crate::registries::{of_registry, registries};
use crate::trust;

/// More than anybody remembers.
const LONGEST_PASSPHRASE: u64 = 64 << 10;

/// One of the verbs.
pub(crate) fn run(verb: &TrustVerb) -> Result<(), Failure> {
    match verb {
        TrustVerb::Keygen(args) => keygen(args),
        TrustVerb::Sign(args) => sign(args),
        TrustVerb::Verify(args) => verify(args),
    }
}

fn keygen(args: &KeygenArgs) -> Result<(), Failure> {
    let algorithm = match args.algorithm {
        KeyAlgorithm::EcdsaP256 => Algorithm::EcdsaP256,
        KeyAlgorithm::Ed25519 => Algorithm::Ed25519,
    };
    let passphrase = passphrase(&args.passphrase).map_err(trust::of_key)?;
    let key = SigningKey::generate(algorithm).map_err(trust::of_key)?;
    let private = key.to_pem(passphrase.as_ref().map(|p| p.as_slice())).map_err(trust::of_key)?;
    let at = |extension: &str| args.output.with_added_extension(extension);
    write_new(&at("key"), &private, 0o600).map_err(trust::of_key)?;
    let public = key.verifying_key();
    if let Err(error) = write_new(&at("pub"), &public.to_pem(), 0o644) {
        // Half a pair is none.
        let _ = std::fs::remove_file(at("key"));
        return Err(trust::of_key(error));
    }
    let closed = if passphrase.is_some() { "encrypted" } else { "not encrypted" };
    super::show(&format!(
        "{}  for you alone, {closed}\n{}  for those who trust you\nkey {}\n",
        at("key").display(),
        at("pub").display(),
        public.id()
    ))
}

/// The passphrase that was given; an empty one is none.
fn passphrase(options: &PassphraseOptions) -> Result<Option<Zeroizing<Vec<u8>>>, KeyError> {
    let mut bytes = match &options.passphrase_file {
        Some(file) => {
            Zeroizing::new(read_regular(file, LONGEST_PASSPHRASE).map_err(|error| KeyError {
                what: format!("the passphrase in `{}`", file.display()),
                why: format!("cannot be read: {error}"),
                help: None,
            })?)
        }
        None => match std::env::var_os("DIBHOST_PASSPHRASE") {
            Some(text) => Zeroizing::new(std::os::unix::ffi::OsStringExt::into_vec(text)),
            None => return Ok(None),
        },
    };
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    }
    if bytes.is_empty() && options.passphrase_file.is_some() {
        return Err(KeyError {
            what: "the passphrase".to_owned(),
            why: "is empty".to_owned(),
            help: Some("write one into the file, or leave `--passphrase-file` out".to_owned()),
        });
    }
    Ok((!bytes.is_empty()).then_some(bytes))
}

/// An element that is signed or verified.
struct Subject {
    /// As it was named.
    shown: String,
    /// What a policy calls it.
    name: String,
    /// What is signed of it: the manifest, or the component itself.
    digest: Digest,
    component: Vec<u8>,
    /// The tag that it was asked for by, where that is a version.
    version: Option<String>,
    bundles: Vec<Vec<u8>>,
    place: Place,
}

enum Place {
    /// Where the signature of a file lies.
    File(PathBuf),
    /// Where it is attached.
    Registry(Box<(Registry, Reference, Pulled)>),
}

impl Subject {
    fn of(element: &str, options: &RegistryOptions) -> Result<Self, Failure> {
        match element.starts_with(oci::SCHEME) {
            true => Self::in_registry(element, options),
            false => Self::in_file(Path::new(element)),
        }
    }

    fn in_file(file: &Path) -> Result<Self, Failure> {
        let shown = file.display().to_string();
        let read = |path: &Path, most| {
            read_regular(path, most)
                .map_err(|error| (error.kind(), format!("reading `{}`: {error}", path.display())))
        };
        let component = read(file, MOST_COMPONENT).map_err(|(_, said)| Failure::wrong(said))?;
        let beside = file.with_added_extension("sigstore.json");
        let bundles = match read(&beside, LARGEST_BUNDLE as u64) {
            Ok(bundle) => vec![bundle],
            Err((std::io::ErrorKind::NotFound, _)) => Vec::new(),
            Err((_, said)) => return Err(Failure::wrong(said)),
        };
        let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        Ok(Self {
            name: format!("file:{stem}"),
            digest: Digest::of(&component),
            shown,
            component,
            version: None,
            bundles,
            place: Place::File(beside),
        })
    }

    fn in_registry(element: &str, options: &RegistryOptions) -> Result<Self, Failure> {
        let reference: Reference = element.parse().map_err(Failure::wrong)?;
        let Some(pointer) = &reference.pointer else {
            return Err(Failure::wrong(format!(
                "`{reference}` says no version\n  help: name one: `{reference}:1.2.0`; `dibhost element \
                 tags {reference}` lists them"
            )));
        };
        let repository = &reference.repository;
        let registry = registries(options).of(repository).map_err(of_registry)?;
        let pulled = registry.pull_element(repository, pointer).map_err(of_registry)?;
        let found = crate::stock::signatures(&registry, repository, &pulled.manifest.digest)?;
        let version = match pointer {
            Pointer::Tag(tag) => semver::Version::parse(tag).ok().map(|v| v.to_string()),
            Pointer::Digest(_) => None,
        };
        Ok(Self {
            shown: reference.to_string(),
            name: format!("{}{repository}", oci::SCHEME),
            digest: pulled.manifest.digest.clone(),
            component: pulled.component.clone(),
            version,
            bundles: found.bundles,
            place: Place::Registry(Box::new((registry, reference, pulled))),
        })
    }

    /// What the element has to be called.
    fn called(&self) -> &str {
        self.name.rsplit(['/', ':']).next().unwrap_or_default()
    }
}

/// What the component says of itself. It is compiled for that.
fn described(subject: &Subject, options: &ElementOptions) -> Result<ElementClaim, Failure> {
    let library = super::library(options)?;
    let found = library
        .inspect_component(&subject.component, Path::new(&subject.shown))
        .map_err(super::wrong_element)?;
    trust::claim(&found, &subject.component).map_err(super::wrong_element)
}

fn sign(args: &SignArgs) -> Result<(), Failure> {
    // Before anything is asked of anybody.
    let key = SigningKey::load(&args.key, &mut || passphrase(&args.passphrase));
    let key = key.map_err(trust::of_key)?;
    let subject = Subject::of(&args.element, &args.registries)?;
    let claim = described(&subject, &args.elements)?;
    let shown = &subject.shown;
    let component = Digest::of(&subject.component);
    claim.is_of(subject.called(), subject.version.as_deref(), &component).map_err(|error| {
        let TrustError::OtherThan { what, signed, is } = error else {
            return trust::refused(shown, &error);
        };
        Failure::wrong(format!(
            "`{shown}` is not signed: its {what} is `{signed}`, and it would be looked for by `{is}`\n  \
             help: the last part of a repository is the element's name, and a tag its version"
        ))
    })?;
    let statement = Statement { subject: subject.digest.clone(), element: Some(claim.clone()) };
    let bundle = sign_statement(&statement, &key).map_err(trust::of_key)?;
    let at = match &subject.place {
        Place::File(beside) => {
            let failed =
                |e: std::io::Error| Failure::failed(format!("writing `{}`: {e}", beside.display()));
            let folder = beside.parent().filter(|folder| !folder.as_os_str().is_empty());
            let mut file = tempfile::Builder::new()
                .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
                .tempfile_in(folder.unwrap_or(Path::new(".")))
                .map_err(failed)?;
            file.write_all(&bundle).map_err(failed)?;
            file.persist(beside).map_err(|e| failed(e.error))?;
            beside.display().to_string()
        }
        Place::Registry(place) => {
            let (registry, reference, pulled) = place.as_ref();
            let subject = pulled.manifest.descriptor();
            registry
                .attach(&reference.repository, &subject, &oci::bundle(&bundle))
                .map_err(of_registry)?;
            format!("oci://{}@{}", reference.repository, subject.digest)
        }
    };
    super::show(&format!(
        "{} {} is signed: {at}\n  of   {}\n  key  {}\n",
        claim.name,
        claim.version,
        subject.digest,
        key.verifying_key().id()
    ))
}

fn verify(args: &VerifyElementArgs) -> Result<(), Failure> {
    let key = args.key.as_deref().map(VerifyingKey::load).transpose().map_err(trust::of_key)?;
    let (policy, _) = trust::policy(&args.elements)?;
    let subject = Subject::of(&args.element, &args.registries)?;
    let refused = |error: TrustError| trust::refused(&subject.shown, &error);
    let verdict = match key {
        Some(key) => by_key(&subject, key).map_err(refused)?,
        None => by_policy(&subject, &policy).map_err(refused)?,
    };
    let component = Digest::of(&subject.component);
    if let Some(signed) = &verdict.claim {
        signed.is_of(subject.called(), subject.version.as_deref(), &component).map_err(refused)?;
    }
    // Only what somebody vouches for is compiled.
    let is = described(&subject, &args.elements)?;
    if let Some(signed) = &verdict.claim {
        signed.agrees_with(&is).map_err(refused)?;
    }
    let publisher = verdict.publisher.as_ref().map(|publisher| publisher.name.clone());
    if args.format == DataFormat::Json {
        return super::show_json(&json!({
            "subject": subject.digest.as_str(),
            "component-digest": component.as_str(),
            "key": verdict.key,
            "publisher": publisher,
            "signed": verdict.claim,
            "element": is,
        }));
    }
    let by = match (&verdict.key, publisher) {
        (Some(key), Some(name)) => format!("signed by {name}\n  key        {key}"),
        (Some(key), None) => format!("signed\n  key        {key}"),
        (None, _) => "not signed, and the policy allows that".to_owned(),
    };
    let says = match (&verdict.key, &verdict.claim) {
        (Some(_), None) => "\n  the signature is of its digest alone",
        _ => "",
    };
    super::show(&format!(
        "{} {}: {by}{says}\n  of         {}\n  component  {component}\n",
        is.name, is.version, subject.digest
    ))
}

fn by_policy(subject: &Subject, policy: &Policy) -> Result<Verdict, TrustError> {
    let question =
        Question { name: &subject.name, subject: &subject.digest, today: trust::today() };
    policy.decide(question, &subject.bundles)
}

/// One good signature is enough.
fn by_key(subject: &Subject, key: VerifyingKey) -> Result<Verdict, TrustError> {
    let mut refused = TrustError::Unsigned;
    for bundle in &subject.bundles {
        match verify_bundle(bundle, std::slice::from_ref(&key), &subject.digest) {
            Ok(verified) => {
                return Ok(Verdict {
                    publisher: None,
                    key: Some(verified.key.id()),
                    claim: verified.statement.element,
                });
            }
            Err(error) => refused = error,
        }
    }
    Err(refused)
}
