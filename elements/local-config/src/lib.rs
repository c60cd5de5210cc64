//! The public keys, and if wanted the proxy, of the person who builds.

use dibhost_element_sdk::slots::AuthorizedKey;
use dibhost_element_sdk::{
    Description, Element, Fact, Finding, Outcome, Parameters, Phase, Plan, Result, Run, Step,
    description, export_element,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The builder's proxies: known while planning, written when the tree is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Fact)]
#[fact(slot = "dibhost:local-config/proxy@1", arity = "optional", timing = "planned")]
#[serde(rename_all = "kebab-case")]
pub struct LocalProxy {
    /// For `http:`.
    pub http: Option<String>,
    /// For `https:`.
    pub https: Option<String>,
}

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
            .step(Step::planning(Phase::PreInstall).provides::<LocalProxy>())
            .step(Step::new(Phase::Install).provides::<AuthorizedKey>().may_consume::<LocalProxy>())
            .request("builder", "authorized-keys", "the person who builds may log in")
            .request("builder", "proxies", "with `proxy = true` the image has the builder's proxy")
            .request("rootfs", "write /etc/apt/apt.conf.d", "apt's proxy, with `proxy = true`")
    }

    fn plan_pre_install(&self, plan: &Plan<'_>) -> Result<()> {
        if !self.proxy {
            return Ok(());
        }
        let proxy = plan.builder_proxies()?;
        if proxy.http.is_none() && proxy.https.is_none() {
            plan.find(
                Finding::warning("The builder has no proxy to write into the image.")
                    .about("proxy")
                    .help("Set `http_proxy` or `https_proxy`, or leave `proxy` out."),
            );
            return Ok(());
        }
        for address in [&proxy.http, &proxy.https].into_iter().flatten() {
            if !address.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '"' | '\\' | ';')) {
                let message = format!("`{}` is no address of a proxy.", address.escape_debug());
                plan.find(Finding::refusal(message).about("proxy"));
                return Ok(());
            }
        }
        plan.provide("", &LocalProxy { http: proxy.http, https: proxy.https })
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
        Ok(())
    }

    fn run_install(&self, run: &Run<'_>) -> Result<Outcome> {
        let Some(proxy) = run.consume_optional::<LocalProxy>()? else {
            return Ok(Outcome::skipped("the builder's proxy is not wanted in the image"));
        };
        let mut text = "// The proxy of the machine that built this image.\n".to_owned();
        for (kind, address) in [("http", proxy.http), ("https", proxy.https)] {
            if let Some(address) = address {
                text.push_str(&format!("Acquire::{kind}::Proxy \"{address}\";\n"));
            }
        }
        run.rootfs()?.write("/etc/apt/apt.conf.d/95-dibhost-proxy", text)?;
        Ok(Outcome::Done)
    }
}

export_element!(LocalConfig);
