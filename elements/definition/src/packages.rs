//! Packages, and where they come from.

use dibhost_element_sdk::{
    DebRepository, Error, ErrorCode, Module, Package, PackageGroup, Plan, Result, RpmLocation,
    RpmRepository, Want,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// Why it wishes for what it wishes for: nobody else said so.
const REASON: &str = "the definition lists it";

/// An entry of `packages`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Listed {
    /// A package; `@GROUP` or `@MODULE:STREAM` of RPM.
    name: String,
    /// None: the newest.
    #[serde(default)]
    version: Option<String>,
    /// It is not to be in the image.
    #[serde(default)]
    remove: bool,
}

/// An entry of `[[repositories]]`: of Debian packages where it has suites.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Source {
    name: String,
    url: String,
    #[serde(default)]
    suites: Vec<String>,
    #[serde(default)]
    components: Vec<String>,
    /// What is at the URL of one of RPM packages.
    #[serde(default)]
    location: Option<String>,
    #[serde(default)]
    cost: Option<u32>,
    #[serde(default)]
    module_hotfixes: bool,
    /// Inputs that are armoured keys.
    keys: Vec<String>,
    #[serde(default)]
    priority: Option<i32>,
    #[serde(default)]
    build_only: bool,
}

/// Wishes for them.
pub(crate) fn plan(plan: &Plan<'_>, packages: &[Listed], repositories: &[Source]) -> Result<()> {
    for repository in repositories {
        add(plan, repository)?;
    }
    for Listed { name, version, remove } in packages {
        match name.strip_prefix('@').map(|group| group.split_once(':').ok_or(group)) {
            Some(_) if *remove => {
                let message =
                    format!("`{name}` is no package, and only packages can be taken away");
                return Err(Error::with_code(ErrorCode::InvalidArgument, message));
            }
            Some(Ok((module, stream))) => plan.module(Module::new(module, stream, REASON))?,
            Some(Err(group)) => plan.package_group(PackageGroup::new(group, REASON))?,
            None => {
                let want = if *remove { Want::Remove } else { Want::Install };
                let mut package = Package::new(name, REASON).want(want);
                package.version.clone_from(version);
                plan.packages([package])?;
            }
        }
    }
    Ok(())
}

fn add(plan: &Plan<'_>, source: &Source) -> Result<()> {
    let keys = source.keys.iter().map(|key| plan.input(key)?.read_text(""));
    let keys: Vec<String> = keys.collect::<Result<_>>()?;
    let (name, url) = (source.name.clone(), source.url.clone());
    let build_only = source.build_only;
    if source.suites.is_empty() {
        return plan.rpm_repository(RpmRepository {
            name,
            url,
            location: match source.location.as_deref() {
                Some("metalink") => RpmLocation::Metalink,
                Some("mirrorlist") => RpmLocation::Mirrorlist,
                _ => RpmLocation::Baseurl,
            },
            keys,
            priority: source.priority.map(u32::try_from).transpose()?,
            cost: source.cost,
            module_hotfixes: source.module_hotfixes,
            build_only,
            ..RpmRepository::default()
        });
    }
    plan.deb_repository(DebRepository {
        name,
        url,
        suites: source.suites.clone(),
        components: source.components.clone(),
        priority: source.priority,
        key: keys.concat(),
        build_only,
        ..DebRepository::default()
    })
}
