//! What a first tree is made of, as the contract has it.

use crate::bindings::dib::element::bootstrap as wit_bootstrap;
use crate::wish::{Bootstrap, RemoteFile, RpmDistribution, RpmOrigin};

impl From<Bootstrap> for wit_bootstrap::Source {
    fn from(source: Bootstrap) -> Self {
        let file = |RemoteFile { url, digest, extensions }| {
            let extensions = extensions.into();
            wit_bootstrap::RemoteFile { url, digest, extensions }
        };
        match source {
            Bootstrap::Distribution(d) => Self::Distribution(wit_bootstrap::Distribution {
                package_manager: d.package_manager,
                release: d.release,
                mirror: d.mirror,
                components: d.components,
                keys: d.keys,
                packages: d.packages,
                rpm: d.rpm.map(Into::into),
                extensions: d.extensions.into(),
            }),
            Bootstrap::Container(reference) => Self::Container(reference),
            Bootstrap::Archive(remote) => Self::Archive(file(remote)),
            Bootstrap::DiskImage(remote) => Self::DiskImage(file(remote)),
        }
    }
}

impl From<RpmDistribution> for wit_bootstrap::RpmDistribution {
    fn from(rpm: RpmDistribution) -> Self {
        let origin = |origin: RpmOrigin| wit_bootstrap::RpmOrigin {
            name: origin.name,
            url: origin.url,
            keys: origin.keys,
            index_unsigned: origin.index_unsigned,
            extensions: origin.extensions.into(),
        };
        Self {
            origins: rpm.origins.into_iter().map(origin).collect(),
            base: rpm.base,
            module_platform: rpm.module_platform,
            weak_dependencies: rpm.weak_dependencies,
            documentation: rpm.documentation,
            languages: rpm.languages,
            extensions: rpm.extensions.into(),
        }
    }
}
