//! The public keys, and if wanted the proxy, of the person who builds.

use dibhost_element_sdk::slots::AuthorizedKey;
use dibhost_element_sdk::{
    Description, Element, Finding, Parameters, Phase, Plan, Result, Step, description,
    export_element,
};
/// The element.
#[derive(Parameters)]
pub struct LocalConfig {
    /// Who may log in with the keys of the person who builds.
    #[parameter(default = "root", alias = "DIB_LOCAL_CONFIG_USERNAME")]
    username: String,
    /// The builder's proxy is written into the image, for its package manager.
    #[parameter(default = false)]
    proxy: bool,
}

impl Element for LocalConfig {
    fn describe() -> Description {
        description!()
            // It writes the keys.
            .requires("openssh-server")
            .step(Step::planning(Phase::Install).provides::<AuthorizedKey>())
            .request("builder", "authorized-keys", "the person who builds may log in")
            .request("builder", "proxies", "with `proxy = true` the image has the builder's proxy")
            .request("rootfs", "write /etc/apt/apt.conf.d", "apt's proxy, with `proxy = true`")
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        let keys = plan.builder_keys()?;
        if keys.is_empty() {
            plan.find(
                Finding::warning(
                    "The person who builds has no public key: nobody may log in by it.",
                )
                .help("Make one with `ssh-keygen`, or add a line to `~/.ssh/authorized_keys`."),
            );
        }
        for (place, key) in keys.into_iter().enumerate() {
            let fact = AuthorizedKey { key, user: Some(self.username.clone()) };
            plan.provide(&format!("{place:03}"), &fact)?;
        }
        self.plan_proxy(plan)
    }
}

impl LocalConfig {
    /// The builder's proxy, for apt.
    fn plan_proxy(&self, plan: &Plan<'_>) -> Result<()> {
        if !self.proxy {
            return Ok(());
        }
        let proxy = plan.builder_proxies()?;
        let addresses = [("http", proxy.http), ("https", proxy.https)];
        let mut text = "// The proxy of the machine that built this image.\n".to_owned();
        let mut any = false;
        for (kind, address) in addresses.into_iter().filter_map(|(k, a)| Some((k, a?))) {
            // Nor a password: the image is for others.
            let odd = |c: char| !c.is_ascii_graphic() || matches!(c, '"' | '\\' | ';' | '@');
            if address.is_empty() || address.contains(odd) {
                let message = format!("`{}` is no address of a proxy.", address.escape_debug());
                plan.find(Finding::refusal(message).about("proxy"));
                return Ok(());
            }
            text.push_str(&format!("Acquire::{kind}::Proxy \"{address}\";\n"));
            any = true;
        }
        if !any {
            plan.find(
                Finding::warning("The builder has no proxy to write into the image.")
                    .about("proxy")
                    .help("Set `http_proxy` or `https_proxy`, or leave `proxy` out."),
            );
            return Ok(());
        }
        plan.file("/etc/apt/apt.conf.d/95-dibhost-proxy", text)
    }
}

export_element!(LocalConfig);
