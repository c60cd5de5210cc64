//! Which keys count for which names.

use std::path::Path;
use std::sync::Arc;

use dibhost_definition::{Diagnostic, Diagnostics, StatedPublisher, TrustFile};
use dibhost_plan::grant::Pattern;
use semver::Version;

use super::bundle::verify;
use super::error::TrustError;
use super::key::VerifyingKey;
use super::statement::ElementClaim;
use crate::oci::Digest;

/// Signatures of one element that are looked at. A publisher has one or two; whoever may write to
/// the registry can attach any number.
const MOST_SIGNATURES: usize = 64;

/// Who is trusted for what. By default nobody, for any element of a registry; elements in files are
/// the person's own affair.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    default_allow: bool,
    files_deny: bool,
    publishers: Vec<Arc<Publisher>>,
}

/// Who is trusted for some names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publisher {
    /// What it is called in messages.
    pub name: String,
    names: Vec<Pattern>,
    keys: Vec<VerifyingKey>,
    until: Option<(String, u32)>,
    whole_statement: bool,
    unsigned: bool,
    /// Namespaces of facts that only its elements provide.
    pub slots: Vec<String>,
}

/// What a policy is asked about.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// `oci://HOST/REPOSITORY`, `file:NAME`.
    pub name: &'a str,
    /// What has to be signed: the manifest in a registry, the component in a file.
    pub subject: &'a Digest,
    /// Days since 1970.
    pub today: u32,
}

/// Why an element may be used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Who made it, where somebody is trusted for it.
    pub publisher: Option<Arc<Publisher>>,
    /// The key that signed it: `sha256:…`.
    pub key: Option<String>,
    /// What was signed of it beside its digest.
    pub claim: Option<ElementClaim>,
}

impl Policy {
    /// Reads a policy with its keys; none when there is no such file.
    ///
    /// # Errors
    /// All that is wrong with the file, and with the keys it names.
    pub fn load(path: &Path) -> Result<Option<Self>, Diagnostics> {
        TrustFile::load(path)?.map(|stated| Self::of(&stated)).transpose()
    }

    /// Reads the keys that a policy names.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub fn of(stated: &TrustFile) -> Result<Self, Diagnostics> {
        let mut wrong = Diagnostics::default();
        let publishers = stated.publishers.iter();
        let publishers = publishers.map(|one| Arc::new(publisher(one, &stated.base, &mut wrong)));
        let policy = Self {
            default_allow: stated.default_allow,
            files_deny: stated.files_deny,
            publishers: publishers.collect(),
        };
        wrong.or(policy)
    }

    /// Who is trusted for a name: the first that names it.
    fn publisher(&self, name: &str) -> Option<&Arc<Publisher>> {
        let asked = Pattern::from(name);
        self.publishers.iter().find(|one| one.names.iter().any(|names| names.covers(&asked)))
    }

    /// Namespaces of facts that are kept, each with whose they are.
    pub fn kept_slots(&self) -> impl Iterator<Item = (&str, &str)> {
        self.publishers
            .iter()
            .flat_map(|one| one.slots.iter().map(|slot| (slot.as_str(), one.name.as_str())))
    }

    /// Whether an element may be used, by what is signed of it. `bundles` are all signatures that
    /// are there; those of others than who counts are no matter.
    ///
    /// # Errors
    /// Why it may not.
    pub fn decide(
        &self,
        question: Question<'_>,
        bundles: &[Vec<u8>],
    ) -> Result<Verdict, TrustError> {
        let Some(publisher) = self.publisher(question.name) else {
            let allowed = match question.name.starts_with("file:") {
                true => !self.files_deny,
                false => self.default_allow,
            };
            return if allowed { Ok(Verdict::default()) } else { Err(TrustError::Nobody) };
        };
        let mut refused = None;
        for bundle in bundles.iter().take(MOST_SIGNATURES) {
            match publisher.signed(question, bundle) {
                Ok(verdict) => {
                    return Ok(Verdict { publisher: Some(Arc::clone(publisher)), ..verdict });
                }
                // What a trusted key said that does not do tells more than that there is another's.
                Err(error @ TrustError::OtherKey { .. }) => {
                    refused.get_or_insert(error);
                }
                Err(error) => match &refused {
                    None | Some(TrustError::OtherKey { .. }) => refused = Some(error),
                    Some(_) => {}
                },
            }
        }
        if publisher.unsigned {
            let publisher = Some(Arc::clone(publisher));
            return Ok(Verdict { publisher, ..Verdict::default() });
        }
        Err(refused.unwrap_or(TrustError::Unsigned))
    }
}

impl Publisher {
    fn signed(&self, question: Question<'_>, bundle: &[u8]) -> Result<Verdict, TrustError> {
        let verified = verify(bundle, &self.keys, question.subject)?;
        if let Some((until, last)) = &self.until
            && question.today > *last
        {
            return Err(TrustError::Expired { until: until.clone() });
        }
        let claim = verified.statement.element;
        if claim.is_none() && self.whole_statement {
            return Err(TrustError::SaysTooLittle);
        }
        Ok(Verdict { publisher: None, key: Some(verified.key.id()), claim })
    }
}

fn publisher(stated: &StatedPublisher, base: &Path, wrong: &mut Diagnostics) -> Publisher {
    let mut keys = Vec::new();
    for key in &stated.keys {
        match VerifyingKey::load(&base.join(&key.value)) {
            Ok(key) => keys.push(key),
            Err(error) => wrong.push(
                Diagnostic::new(error.to_string())
                    .at(key.location.as_ref())
                    .with_optional_help(error.help),
            ),
        }
    }
    let first = stated.names.first().map(|name| name.value.clone()).unwrap_or_default();
    Publisher {
        name: stated.name.as_ref().map_or(first, |name| name.value.clone()),
        names: stated.names.iter().map(|name| Pattern::from(name.value.as_str())).collect(),
        keys,
        until: stated.until.as_ref().map(|until| until.value.clone()),
        whole_statement: stated.whole_statement,
        unsigned: stated.unsigned,
        slots: stated.slots.iter().map(|slot| slot.value.clone()).collect(),
    }
}

/// Refuses a version that is older than what was there before: an old one is signed too, and may
/// have what was mended since.
///
/// # Errors
/// [`TrustError::Older`].
pub fn refuse_older(was: &str, is: &str) -> Result<(), TrustError> {
    match (Version::parse(was), Version::parse(is)) {
        (Ok(before), Ok(now)) if now < before => {
            Err(TrustError::Older { is: is.to_owned(), was: was.to_owned() })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
