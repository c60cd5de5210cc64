//! Who is trusted, as verbs ask it: the policy of the person or the machine, and what an element has
//! to say of itself to be what was signed.

use std::collections::BTreeSet;
use std::env;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use dibhost_element::{Inspection, interfaces};
use dibhost_plan::planner::ElementFailure;
use dibhost_registry::oci::Digest;
use dibhost_registry::trust::{ElementClaim, KeyError, Policy, Question, TrustError, Verdict};

use crate::cli::ElementOptions;
use crate::failure::Failure;

/// The policy of the whole machine.
const OF_THE_MACHINE: &str = "/etc/dibhost/trust.toml";
/// A day, in seconds.
const DAY: u64 = 86_400;

/// The policy that holds here, and the file that it is in; none: there is no such file.
pub(crate) fn policy(options: &ElementOptions) -> Result<(Policy, Option<PathBuf>), Failure> {
    if let Some(file) = &options.trust {
        let policy = load(file)?.ok_or_else(|| {
            Failure::wrong(format!(
                "there is no policy `{}`\n  help: name the file that says who is trusted, or leave \
                 out `--trust` (and `DIBHOST_TRUST`)",
                file.display()
            ))
        })?;
        return Ok((policy, Some(file.clone())));
    }
    for file in of_the_person().into_iter().chain([PathBuf::from(OF_THE_MACHINE)]) {
        if let Some(policy) = load(&file)? {
            return Ok((policy, Some(file)));
        }
    }
    Ok((Policy::default(), None))
}

fn load(file: &Path) -> Result<Option<Policy>, Failure> {
    let policy = Policy::load(file).map_err(Failure::wrong)?;
    // Whoever may write it says who is trusted.
    if let (Some(_), Ok(about)) = (&policy, std::fs::metadata(file))
        && about.mode() & 0o002 != 0
    {
        return Err(Failure::wrong(format!(
            "the policy `{0}` is refused: anybody may write it\n  help: look what is in it, then \
             `chmod o-w {0}`",
            file.display()
        )));
    }
    Ok(policy)
}

fn of_the_person() -> Option<PathBuf> {
    let said = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = said("XDG_CONFIG_HOME").or_else(|| said("HOME").map(|home| home.join(".config")));
    Some(folder?.join("dibhost/trust.toml"))
}

/// Days since 1970.
pub(crate) fn today() -> u32 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    u32::try_from(since / DAY).unwrap_or(u32::MAX)
}

/// Asks the policy of an element of a registry: `name` is `oci://HOST/REPOSITORY`.
pub(crate) fn decide(
    policy: &Policy,
    name: &str,
    manifest: &Digest,
    bundles: &[Vec<u8>],
) -> Result<Verdict, TrustError> {
    policy.decide(Question { name, subject: manifest, today: today() }, bundles)
}

/// What a signature of the element has to say.
pub(crate) fn claim(found: &Inspection, component: &[u8]) -> Result<ElementClaim, ElementFailure> {
    let names = interfaces(component)?;
    let of_contract = |name: &String| {
        let (package, rest) = name.split_once('/')?;
        let (_, version) = rest.split_once('@')?;
        (package == "dib:element").then(|| format!("{package}@{version}"))
    };
    // A component speaks one version of the contract; the highest is said, should that change.
    let contracts: BTreeSet<String> =
        names.imports.iter().chain(&names.exports).filter_map(of_contract).collect();
    let description = &found.description;
    // What follows from its declarations (facts) is reckoned by each host in its own way.
    let requests = description.requests.iter().filter(|request| request.capability != "facts");
    let requests = requests
        .map(|request| format!("{} {}", request.capability, request.scope).trim_end().to_owned());
    Ok(ElementClaim {
        name: description.name.clone(),
        version: description.version.clone(),
        component: found.digest.clone(),
        contract: contracts.last().cloned().unwrap_or_else(|| "none".to_owned()),
        requests: requests.collect(),
    })
}

/// Why an element is refused, with what to do.
pub(crate) fn refused(what: &str, error: &TrustError) -> Failure {
    let help = error.help().replace('\n', "\n    ");
    Failure::wrong(format!("`{what}` is refused: {error}\n  help: {help}"))
}

/// Why a key cannot be used, with what to do.
pub(crate) fn of_key(error: KeyError) -> Failure {
    let help = error.help.as_ref().map(|help| format!("\n  help: {help}")).unwrap_or_default();
    Failure::wrong(format!("{error}{help}"))
}
