//! Arguments of the kernel's command line: facts, not wishes, but merged like wishes, for there
//! is one command line and the kernel takes the last of two that contradict one another.

use std::collections::BTreeMap;

use dibhost_definition::{Contents, Diagnostics};

use super::conflict::{By, conflict};
use crate::contents::place_of_argument;
use crate::fact::Fact;

/// The slot that they are given in.
const SLOT: &str = "dib:boot/kernel-argument@1";

/// Words that may come again with another value, each time adding something. A `*` at the end
/// stands for any rest. From the kernel's `kernel-parameters.txt`, dracut.cmdline(7) and
/// systemd's kernel-command-line(7).
const REPEATABLE: [&str; 34] = [
    "acpi_osi",
    "blacklist",
    "console",
    "crashkernel",
    "dyndbg",
    "earlycon",
    "earlyprintk",
    "ftrace_filter",
    "hugepages",
    "hugepagesz",
    "initcall_blacklist",
    "initrd",
    "ip",
    "memmap",
    "modprobe.blacklist",
    "module_blacklist",
    "modules_load",
    "nameserver",
    "netconsole",
    "rd.*",
    "systemd.condition_*",
    "systemd.debug_shell",
    "systemd.log_*",
    "systemd.mask",
    "systemd.set_credential*",
    "systemd.setenv",
    "systemd.swap",
    "systemd.wants",
    "trace_event",
    "udev.*",
    "usb_storage.quirks",
    "usbcore.quirks",
    "video",
    "vlan",
];

/// Words without a value of which the kernel takes one.
const OPPOSITES: [(&str, &str); 1] = [("ro", "rw")];

/// An argument as it is compared: the kernel reads `-` in a word as `_`.
struct Argument<'a> {
    word: String,
    value: Option<&'a str>,
    text: &'a str,
    by: By<'a>,
}

fn argument<'a>(fact: &'a Fact, contents: &'a Contents) -> Option<Argument<'a>> {
    let text = fact.value["argument"].as_str()?;
    let (word, value) = match text.split_once('=') {
        Some((word, value)) => (word, Some(value)),
        None => (text, None),
    };
    let own = fact.provider == Contents::ELEMENT;
    let by = By {
        element: &fact.provider,
        step: fact.step.as_deref(),
        phase: fact.phase,
        place: own.then(|| place_of_argument(contents, text)).flatten(),
    };
    Some(Argument { word: word.replace('-', "_"), value, text, by })
}

fn repeatable(word: &str) -> bool {
    REPEATABLE.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(start) => word.starts_with(start),
        None => *pattern == word,
    })
}

/// The word that says the opposite of another, where both stand without a value.
fn opposite(word: &str) -> Option<String> {
    for (one, other) in OPPOSITES {
        if word == one {
            return Some(other.to_owned());
        }
        if word == other {
            return Some(one.to_owned());
        }
    }
    word.strip_prefix("no")
        .filter(|rest| !rest.is_empty())
        .map(|rest| rest.trim_start_matches('_').to_owned())
}

/// Says which arguments contradict one another: one word with two values, unless it is one that
/// may repeat; a word and the same with `no` before it; `ro` and `rw`.
pub(crate) fn kernel_arguments(facts: &[Fact], contents: &Contents, wrong: &mut Diagnostics) {
    let mut first: BTreeMap<String, Argument<'_>> = BTreeMap::new();
    let arguments = facts.iter().filter(|f| f.slot == SLOT);
    for argument in arguments.filter_map(|fact| argument(fact, contents)) {
        if repeatable(&argument.word) {
            continue;
        }
        match first.get(&argument.word) {
            Some(there) if there.value != argument.value => {
                let subject = format!("the kernel argument `{}`", argument.word);
                wrong.push(conflict(
                    &subject,
                    there.by,
                    &format!("`{}`", there.text),
                    argument.by,
                    &format!("`{}`", argument.text),
                ));
            }
            Some(_) => {}
            None => {
                first.insert(argument.word.clone(), argument);
            }
        }
    }
    for argument in first.values().filter(|a| a.value.is_none()) {
        let Some(other) = opposite(&argument.word) else { continue };
        // Of `ro` and `rw` each is the other's opposite: told once.
        let told = OPPOSITES.iter().any(|(_, second)| *second == argument.word);
        if let Some(there) = first.get(&other).filter(|there| there.value.is_none() && !told) {
            wrong.push(conflict(
                "the kernel's command line",
                there.by,
                &format!("`{}`", there.text),
                argument.by,
                &format!("`{}`", argument.text),
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Phase;
    use serde_json::json;

    fn told(arguments: &[(&str, &str)]) -> String {
        let facts: Vec<Fact> = arguments
            .iter()
            .enumerate()
            .map(|(i, (provider, argument))| Fact {
                slot: SLOT.to_owned(),
                provider: (*provider).to_owned(),
                phase: Phase::Install,
                step: None,
                key: i.to_string(),
                value: json!({"argument": argument}),
            })
            .collect();
        let mut wrong = Diagnostics::default();
        kernel_arguments(&facts, &Contents::default(), &mut wrong);
        wrong.or(()).map_or_else(|wrong| wrong.to_string(), |()| "fine".to_owned())
    }

    #[test]
    fn arguments_that_contradict_one_another() {
        let all = [
            ("a", "net.ifnames=0"),
            ("b", "net.ifnames=1"),
            ("a", "root=/dev/sda1"),
            ("c", "root=/dev/vda1"),
            ("a", "quiet"),
            ("b", "noquiet"),
            ("a", "rw"),
            ("b", "ro"),
            ("a", "panic-on-oops=1"),
            ("b", "panic_on_oops=2"),
            ("a", "selinux"),
            ("a", "selinux=0"),
        ];
        insta::assert_snapshot!(told(&all), @r"
        the kernel argument `net.ifnames`: `a` (`install`) wants `net.ifnames=0`, and `b` (`install`) wants `net.ifnames=1`
          help: set a parameter of one of the two so that they agree, or leave one out
        the kernel argument `root`: `a` (`install`) wants `root=/dev/sda1`, and `c` (`install`) wants `root=/dev/vda1`
          help: set a parameter of one of the two so that they agree, or leave one out
        the kernel argument `panic_on_oops`: `a` (`install`) wants `panic-on-oops=1`, and `b` (`install`) wants `panic_on_oops=2`
          help: set a parameter of one of the two so that they agree, or leave one out
        the kernel argument `selinux`: `a` (`install`) wants `selinux` and `a` (`install`) `selinux=0`
          help: this is for whoever wrote the element to mend
        the kernel's command line: `a` (`install`) wants `quiet`, and `b` (`install`) wants `noquiet`
          help: set a parameter of one of the two so that they agree, or leave one out
        the kernel's command line: `a` (`install`) wants `rw`, and `b` (`install`) wants `ro`
          help: set a parameter of one of the two so that they agree, or leave one out
        ");
    }

    #[test]
    fn arguments_that_go_together() {
        let all = [
            ("a", "console=tty0"),
            ("b", "console=ttyS0,115200"),
            ("a", "rd.luks.uuid=1"),
            ("b", "rd.luks.uuid=2"),
            ("a", "quiet"),
            ("b", "quiet"),
            ("a", "net.ifnames=0"),
            ("b", "net.ifnames=0"),
            ("a", "no_timer_check"),
            ("a", "noapic"),
            ("b", "apic=verbose"),
        ];
        assert_eq!(told(&all), "fine");
    }

    #[test]
    fn the_table_is_in_order() {
        assert!(REPEATABLE.is_sorted());
    }
}
