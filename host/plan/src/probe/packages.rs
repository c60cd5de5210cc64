//! Packages.

use std::collections::BTreeMap;

use dibhost_text::shell_word;

use super::script::Script;
use crate::plan::Plan;
use crate::transaction::PackageWant;
use crate::wish::Bootstrap;

/// One that others provide counts for it.
const DPKG: &str = r#"
version() {
    dpkg-query -W -f '${db:Status-Status} ${Version}\n' "$1" 2>/dev/null | sed -n 's/^installed //p' | head -n 1
}
installed() {
    [ -n "$(version "$1")" ] ||
        dpkg-query -W -f '${db:Status-Status}, ${Provides},\n' | grep '^installed' | grep -qF -e ", $1," -e ", $1 ("
}
held() { dpkg-query -W -f '${db:Status-Want}\n' "$1" | grep -qx hold; }
"#;
const RPM: &str = r#"
version() { rpm -q --qf '%{VERSION}-%{RELEASE}\n' "$1" 2>/dev/null | tail -n 1; }
installed() { rpm -q --whatprovides "$1"; }
held() { grep -qsw -e "$1" /etc/dnf/dnf.conf /etc/zypp/locks; }
"#;
const MATCHES: &str = r#"
# matches FOUND PATTERN
matches() { case $1 in $2) ;; *) false ;; esac; }
"#;

/// Those that are to be there, and those that are not.
pub(super) fn packages(plan: &Plan, script: &mut Script) {
    let Some(functions) = functions(plan) else { return };
    script.functions(functions);
    script.functions(MATCHES);
    // What a later transaction says of a package holds.
    let mut wants: BTreeMap<&str, (&PackageWant, bool)> = BTreeMap::new();
    for transaction in &plan.transactions {
        wants.extend(transaction.install.iter().map(|want| (want.name.as_str(), (want, true))));
        wants.extend(transaction.remove.iter().map(|want| (want.name.as_str(), (want, false))));
    }
    for (name, (want, there)) in wants {
        let (what, word) = (format!("package {name}"), shell_word(name));
        let verb = if there { "has" } else { "lacks" };
        script.line(verb, &what, &wanted_by(want), &format!("installed {word}"));
        if let (true, Some(version)) = (there, &want.version) {
            let (what, version) = (format!("version of {name}"), shell_word(version));
            let rest = format!("matches \"$(version {word})\" {version}");
            script.line("has", &what, &wanted_by(want), &rest);
        }
    }
    for want in plan.transactions.iter().flat_map(|transaction| &transaction.hold) {
        let rest = format!("held {}", shell_word(&want.name));
        script.line("has", &format!("hold of {}", want.name), &wanted_by(want), &rest);
    }
}

fn wanted_by(want: &PackageWant) -> Vec<&str> {
    want.wanted_by.iter().map(|by| by.element.as_str()).collect()
}

/// How the system is asked for its packages; none: it is not said what it is.
fn functions(plan: &Plan) -> Option<&'static str> {
    let first =
        plan.transactions.iter().filter_map(|t| t.bootstrap.as_ref()).find_map(
            |first| match &first.source {
                Bootstrap::Distribution(distribution) => {
                    Some(distribution.package_manager.as_str())
                }
                Bootstrap::Container(_) | Bootstrap::Archive(..) | Bootstrap::DiskImage(..) => None,
            },
        );
    let said = plan.facts_of("dib:os/distribution@1").next();
    let manager = first.or_else(|| said?.value.get("package-manager")?.as_str())?;
    match manager {
        "apt" => Some(DPKG),
        "dnf" | "zypper" => Some(RPM),
        _ => None,
    }
}
