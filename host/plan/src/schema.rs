//! Slots and their schemas: the host's own for `dib:`, the providers' for the rest. A value is
//! checked on both sides, by the same compiled schema.

mod bounds;
mod growth;

pub use growth::{Difference, relation};

use std::collections::BTreeMap;

use dibhost_check::Check;
use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;

use crate::slot::{Arity, FactUse, PlannedSlot, Timing, Who};

/// A slot whose meaning is the host's.
#[derive(Debug, Clone, Copy)]
pub struct HostSlot {
    /// `dib:boot/kernel-argument@1`.
    pub name: &'static str,
    /// How many values.
    pub arity: Arity,
    /// When they are known.
    pub timing: Timing,
    /// Who may provide one.
    pub provided_by: Who,
    /// Who may read them.
    pub read_by: Who,
    /// The JSON Schema of one value.
    pub schema: &'static str,
}

macro_rules! host_slots {
    ($($name:literal, $arity:ident, $timing:ident, $provided:ident, $read:ident, $file:literal;)*) => {
        [$(HostSlot {
            name: $name,
            arity: Arity::$arity,
            timing: Timing::$timing,
            provided_by: Who::$provided,
            read_by: Who::$read,
            schema: include_str!(concat!("../../../wit/slots/", $file, ".json")),
        }),*]
    };
}

/// The layout of the block device, which the host itself provides.
pub const LAYOUT: &str = "dib:block-device/layout@1";

/// What the system is.
pub const DISTRIBUTION: &str = "dib:os/distribution@1";

/// All slots of `dib:`, by name: how many values and when, who provides one and who reads them. The
/// keys that log in are the builder's own, too, which an element sees by the grant `builder` else.
pub const HOST_SLOTS: [HostSlot; 8] = host_slots! {
    "dib:block-device/layout@1", One, Planned, Host, Anyone, "block-device-layout@1";
    "dib:boot/kernel-argument@1", Many, Planned, Granted, Anyone, "boot-kernel-argument@1";
    "dib:boot/kernel@1", Many, Observed, Granted, Anyone, "boot-kernel@1";
    "dib:boot/loader@1", Optional, Planned, Granted, Anyone, "boot-loader@1";
    "dib:cloud-init/datasource@1", Many, Planned, Granted, Anyone, "cloud-init-datasource@1";
    "dib:initramfs/module@1", Many, Planned, Granted, Anyone, "initramfs-module@1";
    "dib:os/distribution@1", One, Planned, Granted, Anyone, "os-distribution@1";
    "dib:users/authorized-key@1", Many, Planned, Granted, Granted, "users-authorized-key@1";
};

/// The namespace in which the elements that come with the host talk to one another.
pub const OWN: &str = "dibhost:";

/// The host's slot of that name.
#[must_use]
pub fn host_slot(name: &str) -> Option<&'static HostSlot> {
    HOST_SLOTS.iter().find(|s| s.name == name)
}

/// Who may provide a slot, or read it. What is in a slot of `dib:` the host and its elements carry
/// out with rights of their own: a key logs in, an argument is booted with. Slots of `dibhost:` are
/// between the host's elements, which believe what they find there. All others are between elements
/// that hold nothing which they are not granted.
#[must_use]
pub fn who(may: FactUse, name: &str) -> Who {
    match (host_slot(name), may) {
        (Some(slot), FactUse::Provide) => slot.provided_by,
        (Some(slot), FactUse::Read) => slot.read_by,
        (None, _) if name.starts_with(OWN) => Who::Granted,
        // One of a newer host, which a description that names it is refused for.
        (None, FactUse::Provide) if name.starts_with("dib:") => Who::Granted,
        (None, _) => Who::Anyone,
    }
}

/// Whether an element needs the grant `facts` for it.
#[must_use]
pub fn granted(may: FactUse, name: &str) -> bool {
    who(may, name) == Who::Granted
}

impl HostSlot {
    /// The slot as a plan holds it.
    #[must_use]
    pub fn planned(&self) -> PlannedSlot {
        // The files are part of this crate; a test reads each of them.
        let schema: Option<Value> = serde_json::from_str(self.schema).ok();
        let doc = schema.as_ref().and_then(|s| s["title"].as_str()).unwrap_or_default().to_owned();
        PlannedSlot {
            name: self.name.to_owned(),
            arity: self.arity,
            timing: self.timing,
            schema,
            doc,
        }
    }
}

/// A schema that values can be checked by.
#[derive(Debug)]
pub struct Compiled {
    validator: Validator,
    /// None: checks of how heavy it is were taken out.
    weight: Option<bounds::Weight>,
}

/// Compiles a schema: draft 2020-12, nothing fetched, patterns matched in linear time, and small
/// enough that neither compiling it nor checking values by it can keep the host busy.
///
/// # Errors
/// What is wrong with the schema, as a sentence part.
pub fn compile(schema: &Value) -> Result<Compiled, String> {
    let weight = Check::SchemaBomb.holds().then(|| bounds::weigh(schema)).transpose()?;
    let mut options = jsonschema::options().with_draft(Draft::Draft202012);
    if Check::SchemaBacktracking.holds() {
        // Schemas come from elements: a pattern that backtracks could keep the host busy for ever.
        let linear = PatternOptions::regex().size_limit(bounds::PATTERN_SIZE);
        options = options.with_pattern_options(linear);
    }
    let validator = options
        .build(schema)
        .map_err(|error| format!("{} (at `{}`)", cut(&error.to_string()), error.instance_path()))?;
    Ok(Compiled { validator, weight })
}

/// Checks a value by a compiled schema.
///
/// # Errors
/// What does not fit, as a sentence part that names the place in the value.
pub fn check(schema: &Compiled, value: &Value) -> Result<(), String> {
    if let Some(weight) = schema.weight {
        weight.bears(value)?;
    }
    let told: Vec<String> = schema
        .validator
        .iter_errors(value)
        // Three are enough to see what is meant.
        .take(3)
        .map(|error| match error.instance_path().to_string() {
            place if place.is_empty() => cut(&error.to_string()),
            place => format!("at `{}`, {}", cut(&place), cut(&error.to_string())),
        })
        .collect();
    if told.is_empty() || !Check::FactSchema.holds() { Ok(()) } else { Err(told.join("; ")) }
}

/// As much of a text with an element's value in it as a sentence bears.
fn cut(text: &str) -> String {
    const MOST: usize = 300;
    if text.chars().count() <= MOST {
        return text.to_owned();
    }
    text.chars().take(MOST - 1).chain(['…']).collect()
}

/// The slots of a build with their schemas compiled once.
#[derive(Debug, Default)]
pub struct Slots {
    by_name: BTreeMap<String, (PlannedSlot, Option<Compiled>)>,
}

impl Slots {
    /// Compiles the schemas of `slots`.
    ///
    /// # Errors
    /// The first schema that is none: never one of a plan that [`crate::plan`](fn@crate::plan) made.
    pub fn new<'a>(slots: impl IntoIterator<Item = &'a PlannedSlot>) -> Result<Self, String> {
        let compiled = slots.into_iter().map(|slot| {
            let validator = slot.schema.as_ref().map(compile).transpose();
            let validator = validator
                .map_err(|why| format!("the schema of the slot `{}` is none: {why}", slot.name))?;
            Ok((slot.name.clone(), (slot.clone(), validator)))
        });
        Ok(Self { by_name: compiled.collect::<Result<_, String>>()? })
    }

    /// The slot of that name, if the build has it.
    #[must_use]
    pub fn slot(&self, name: &str) -> Option<&PlannedSlot> {
        self.by_name.get(name).map(|(slot, _)| slot)
    }

    /// Checks one value of a slot.
    ///
    /// # Errors
    /// What does not fit, as a sentence.
    pub fn check(&self, slot: &str, value: &Value) -> Result<(), String> {
        match self.by_name.get(slot) {
            None => Err(format!("no step of this build declares the slot `{slot}`")),
            Some((_, None)) => Ok(()),
            Some((_, Some(schema))) => check(schema, value)
                .map_err(|why| format!("the value does not fit the slot `{slot}`: {why}")),
        }
    }

    /// Checks that a slot takes one value more than the `there` it has.
    ///
    /// # Errors
    /// A sentence, when it takes one at most.
    pub fn check_room(&self, slot: &str, there: usize) -> Result<(), String> {
        match self.slot(slot).map(|s| s.arity) {
            Some(Arity::One | Arity::Optional) if there > 0 && Check::SlotArity.holds() => {
                Err(format!("the slot `{slot}` takes one value and has it already"))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn host_slots() -> Slots {
        let slots: Vec<PlannedSlot> = HOST_SLOTS.iter().map(HostSlot::planned).collect();
        Slots::new(&slots).unwrap()
    }

    #[test]
    fn every_slot_of_the_host_has_a_schema_that_names_it_and_refuses_more() {
        for slot in HOST_SLOTS {
            let schema = slot.planned().schema.unwrap_or_else(|| panic!("{}", slot.name));
            assert_eq!(schema["$id"], format!("urn:{}", slot.name));
            assert_eq!(schema["additionalProperties"], false, "{}", slot.name);
            assert!(!slot.planned().doc.is_empty());
        }
        assert!(HOST_SLOTS.is_sorted_by_key(|s| s.name));
    }

    #[test]
    fn values_of_the_hosts_slots_are_checked() {
        let slots = host_slots();
        let layout = json!({"table": "gpt", "partitions": [{"name": "esp", "number": 1, "label": "ESP", "type": "c12a7328-f81f-11d2-ba4b-00a0c93ec93b", "partuuid": null}],
            "mounts": [{"at": "/", "on": "lv", "filesystem": "ext4", "label": "cloudimg-rootfs", "uuid": null, "options": ["errors=remount-ro"]}],
            "volumes": [{"name": "lv", "kind": "logical-volume", "uuid": "a", "on": ["vg"]}]});
        let os = json!({"id": "debian", "version-id": "12", "codename": "bookworm", "family": "debian", "package-manager": "apt", "init": "systemd", "default-user": "debian"});
        let mut os_without_init = os.clone();
        os_without_init.as_object_mut().unwrap().shift_remove("init");
        for (slot, value, fits) in [
            (LAYOUT, layout, true),
            (LAYOUT, json!({"table": null, "partitions": [], "mounts": [], "volumes": []}), true),
            (LAYOUT, json!({"table": "apm", "partitions": [], "mounts": [], "volumes": []}), false),
            ("dib:os/distribution@1", os, true),
            ("dib:os/distribution@1", os_without_init, false),
            (
                "dib:boot/kernel-argument@1",
                json!({"argument": "console=ttyS0,115200", "reason": null}),
                true,
            ),
            ("dib:boot/kernel-argument@1", json!({"argument": "dyndbg=\"file x +p\""}), true),
            ("dib:boot/kernel-argument@1", json!({"argument": "quiet\nset x"}), false),
            ("dib:boot/kernel-argument@1", json!({"argument": "two words"}), false),
            ("dib:boot/kernel-argument@1", json!({"argument": "$(reboot)"}), false),
            ("dib:boot/kernel-argument@1", json!({"argument": "quiet", "more": 1}), false),
            (
                "dib:boot/kernel@1",
                json!({"version": "6.1.0-40-amd64", "image": "/boot/vmlinuz-6.1.0-40-amd64", "initramfs": "/boot/initrd.img-6.1.0-40-amd64"}),
                true,
            ),
            (
                "dib:boot/kernel@1",
                json!({"version": "6.1.0-40-amd64", "image": "boot/vmlinuz"}),
                false,
            ),
            ("dib:boot/loader@1", json!({"name": "grub", "firmware": ["bios", "uefi"]}), true),
            ("dib:boot/loader@1", json!({"name": "grub", "firmware": ["coreboot"]}), false),
            ("dib:initramfs/module@1", json!({"name": "virtio_blk"}), true),
            ("dib:initramfs/module@1", json!({"name": "virtio blk"}), false),
            (
                "dib:users/authorized-key@1",
                json!({"key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI", "user": null}),
                true,
            ),
            (
                "dib:users/authorized-key@1",
                json!({"key": "ssh-ed25519 AAAAC3NzaC1lZDI1\nroot", "user": "x"}),
                false,
            ),
            ("dib:cloud-init/datasource@1", json!({"name": "NoCloud"}), true),
            ("dib:cloud-init/datasource@1", json!({"name": "No Cloud]"}), false),
        ] {
            assert_eq!(
                slots.check(slot, &value).is_ok(),
                fits,
                "{slot} {value}: {:?}",
                slots.check(slot, &value)
            );
        }
    }

    #[test]
    fn every_slot_says_who_provides_and_who_reads_it() {
        use FactUse::{Provide, Read};
        for (name, provided, read) in [
            (LAYOUT, Who::Host, Who::Anyone),
            ("dib:boot/kernel@1", Who::Granted, Who::Anyone),
            ("dib:users/authorized-key@1", Who::Granted, Who::Granted),
            ("dib:of/tomorrow@1", Who::Granted, Who::Anyone),
            ("dibhost:debian/choice@1", Who::Granted, Who::Granted),
            ("dibhosted:debian/choice@1", Who::Anyone, Who::Anyone),
            ("acme:net/interface@1", Who::Anyone, Who::Anyone),
        ] {
            assert_eq!((who(Provide, name), who(Read, name)), (provided, read), "{name}");
        }
    }

    #[test]
    fn the_message_names_the_place_and_the_slot() {
        let value = json!({"name": "grub", "firmware": ["coreboot"]});
        insta::assert_snapshot!(host_slots().check("dib:boot/loader@1", &value).unwrap_err(), @r#"the value does not fit the slot `dib:boot/loader@1`: at `/firmware/0`, "coreboot" is not one of "bios", "uefi" or 2 other candidates"#);
        insta::assert_snapshot!(host_slots().check("dib:x/y@1", &value).unwrap_err(), @"no step of this build declares the slot `dib:x/y@1`");
    }

    #[test]
    fn a_schema_fetches_nothing_and_does_not_backtrack() {
        assert!(compile(&json!({"$ref": "https://example.org/schema.json"})).is_err());
        assert!(compile(&json!({"$ref": "file:///etc/passwd"})).is_err());
        assert!(compile(&json!({"pattern": "(?=x)x"})).is_err());
        assert!(compile(&json!({"type": "strin"})).is_err());
        let nasty = compile(&json!({"pattern": "^(a+)+$"})).unwrap();
        assert!(check(&nasty, &json!("a".repeat(5000) + "b")).is_err());
        assert!(compile(&json!({"pattern": "((a{99}){99}){99}"})).is_err());
    }

    #[test]
    fn a_slot_for_one_value_has_no_room_for_two() {
        let slots = host_slots();
        assert!(slots.check_room("dib:boot/loader@1", 0).is_ok());
        assert!(slots.check_room("dib:boot/loader@1", 1).is_err());
        assert!(slots.check_room("dib:boot/kernel@1", 7).is_ok());
    }
}
