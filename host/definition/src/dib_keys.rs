//! Variables of DIB's that say what keys of a definition say.

use std::path::Path;

use dibhost_block_device::Node;
use dibhost_block_device::config::entries;
use dibhost_dib::words::{DibKey, DibRemark, UserPart};
use dibhost_dib::{DibParameters, Syntax, Written};
use dibhost_sys::read_written;
use serde_json::{Map, Value, json};

use crate::additions::keys_of;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::typed::Typed;

/// What is said beside the variables.
#[derive(Debug, Clone, Copy, Default)]
pub struct DibSurroundings<'a> {
    /// The elements of the image.
    pub elements: &'a [String],
    /// DIB's element `devuser` is among those that were typed.
    pub devuser: bool,
    /// Public keys of the person who builds.
    pub builder_keys: &'a [String],
}

/// The key, what the variable is called, and what it says.
type Variable = (DibKey, String, String);

impl Typed {
    /// Sets what variables say, and tells which.
    ///
    /// # Errors
    /// All that is wrong with what they say.
    pub fn obey(
        &mut self,
        variables: &[Variable],
        around: DibSurroundings<'_>,
    ) -> Result<Vec<DibRemark>, Diagnostics> {
        let mut obeying = Obeying { typed: self, around, remarks: Vec::new() };
        let mut wrong = Diagnostics::default();
        let is_user = |variable: &&Variable| matches!(variable.0, DibKey::User(_));
        let (users, others): (Vec<&Variable>, Vec<&Variable>) = variables.iter().partition(is_user);
        if let Err(diagnostic) = obeying.users(&users) {
            wrong.push(diagnostic);
        }
        for (key, name, value) in others {
            let done = match key {
                DibKey::BlockDevice => obeying.layout(name, value, variables),
                DibKey::Consoles => {
                    obeying.consoles(name, value);
                    Ok(())
                }
                DibKey::ModprobeBlacklist => {
                    obeying.blacklist(name, value);
                    Ok(())
                }
                // With the layout, or never.
                DibKey::SectorSize => {
                    if !variables.iter().any(|(key, ..)| *key == DibKey::BlockDevice) {
                        obeying.refuse(name, "it is for the disks of `DIB_BLOCK_DEVICE_CONFIG`");
                    }
                    Ok(())
                }
                DibKey::User(_) => Ok(()),
            };
            if let Err(diagnostic) = done {
                wrong.push(diagnostic.in_context(format!("obeying `{name}`")));
            }
        }
        let remarks = obeying.remarks;
        wrong.or(remarks)
    }

    /// Sets the nodes of the block device.
    pub fn set_nodes(&mut self, nodes: &[Node]) {
        let entries = entries(nodes).into_iter().map(Value::Object);
        self.set(&["block-device"], entries.collect::<Vec<_>>());
    }
}

struct Obeying<'a> {
    typed: &'a mut Typed,
    around: DibSurroundings<'a>,
    remarks: Vec<DibRemark>,
}

impl Obeying<'_> {
    fn tell(&mut self, name: &str, by: &str) {
        self.remarks.push(DibRemark::told(format!("`{name}` is obeyed, as {by}")));
    }

    fn refuse(&mut self, name: &str, why: &str) {
        self.remarks.push(DibRemark::warned(format!("`{name}` is not obeyed: {why}")));
    }

    /// `devuser`, and what variables say of it.
    fn users(&mut self, variables: &[&Variable]) -> Result<(), Diagnostic> {
        if !self.around.devuser {
            for (_, name, _) in variables {
                self.refuse(name, "the element `devuser` is not named");
            }
            return Ok(());
        }
        let mut user = Map::new();
        user.insert("name".to_owned(), json!("devuser"));
        let mut keys = self.around.builder_keys.to_vec();
        for (key, name, value) in variables {
            let DibKey::User(part) = key else { continue };
            match part {
                UserPart::Name => drop(user.insert("name".to_owned(), json!(value))),
                UserPart::Shell => drop(user.insert("shell".to_owned(), json!(value))),
                UserPart::Groups => {
                    let groups: Vec<&str> = value.split(',').map(str::trim).collect();
                    user.insert("groups".to_owned(), json!(groups));
                }
                UserPart::Sudo => drop(user.insert("sudo".to_owned(), json!("nopasswd"))),
                // DIB's own way to say "none".
                UserPart::Keys if value == "/dev/null" => keys.clear(),
                UserPart::Keys => {
                    keys = keys_of(Path::new(value))
                        .map_err(|wrong| wrong.in_context(format!("obeying `{name}`")))?;
                }
                UserPart::Password => {
                    let secret = "devuser-password";
                    self.typed.set(&["secrets", secret, "environment"], name.as_str());
                    user.insert("password".to_owned(), json!(secret));
                }
            }
            self.tell(name, "a key of `[[users]]`");
        }
        if !keys.is_empty() {
            user.insert("authorized-keys".to_owned(), json!(keys));
        }
        self.typed.add(&["users"], [Value::Object(user)]);
        Ok(())
    }

    fn layout(&mut self, name: &str, value: &str, all: &[Variable]) -> Result<(), Diagnostic> {
        let (text, file) = match value.strip_prefix("file://") {
            None => (value.to_owned(), name.to_owned()),
            Some(file) => {
                let text = read_written(Path::new(file)).map_err(|error| {
                    Diagnostic::new(format!("`{file}` cannot be read: {error}")).with_help(
                        "behind `file://` stands a path, of the current folder or with `/`",
                    )
                })?;
                (text, file.to_owned())
            }
        };
        let mut parameters = DibParameters::default();
        if let Some((_, name, size)) = all.iter().find(|(key, ..)| *key == DibKey::SectorSize) {
            let size = size.parse().ok().filter(|size| [512, 4096].contains(size));
            let help = "write `512` or `4096`";
            parameters.block_size = Some(size.ok_or_else(|| {
                Diagnostic::new(format!("`{name}` is no size of a sector")).with_help(help)
            })?);
            self.tell(name, "`sector-size` of the disks");
        }
        let written = Written::parse(&text, Syntax::DibYaml, &parameters).map_err(|wrong| {
            let mut wrong = wrong.into_iter().map(|wrong| {
                Diagnostic::new(format!("{file}:{}: {}", wrong.at, wrong.problem))
                    .with_help(wrong.help)
            });
            wrong.next().unwrap_or_else(|| Diagnostic::new(format!("{file} is wrong")))
        })?;
        for said in &written.diagnostics {
            let text = format!("{file}:{}: {}: {}", said.at, said.problem, said.help);
            self.remarks.push(DibRemark::warned(text));
        }
        self.typed.set_nodes(&written.nodes);
        self.tell(name, "`[[block-device]]`");
        Ok(())
    }

    /// `ttyS0,115200n8`.
    fn consoles(&mut self, name: &str, value: &str) {
        let element = "serial-console";
        if !self.around.elements.iter().any(|known| known == element) {
            self.refuse(name, "the element `serial-console` is not named");
            return;
        }
        let (device, speed) = value.split_once(',').unwrap_or((value, ""));
        self.typed.set(&["parameters", element, "device"], device);
        let digits: String = speed.chars().take_while(char::is_ascii_digit).collect();
        if let Ok(speed) = digits.parse::<u32>() {
            self.typed.set(&["parameters", element, "speed"], speed);
        }
        self.tell(name, "the parameters `device` and `speed` of `serial-console`");
    }

    fn blacklist(&mut self, name: &str, value: &str) {
        let lines: String =
            value.split_whitespace().map(|module| format!("blacklist {module}\n")).collect();
        let path = "/etc/modprobe.d/blacklist.conf";
        self.typed.add(&["files"], [json!({ "path": path, "content": lines })]);
        self.tell(name, "a file of `[[files]]`");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(
        variables: &[(DibKey, &str, &str)],
        around: DibSurroundings<'_>,
    ) -> (String, Vec<String>) {
        let own = |(key, name, value): &(DibKey, &str, &str)| {
            (*key, (*name).to_owned(), (*value).to_owned())
        };
        let variables: Vec<Variable> = variables.iter().map(own).collect();
        let mut typed = Typed::default();
        let remarks = match typed.obey(&variables, around) {
            Ok(remarks) => remarks.into_iter().map(|remark| remark.text).collect(),
            Err(wrong) => vec![wrong.to_string()],
        };
        (typed.to_toml(), remarks)
    }

    #[test]
    fn devuser_is_a_user_of_the_definition() {
        let builder_keys = ["ssh-rsa B".to_owned()];
        let around =
            DibSurroundings { devuser: true, builder_keys: &builder_keys, ..Default::default() };
        let user = |part| DibKey::User(part);
        let (toml, remarks) = of(
            &[
                (user(UserPart::Name), "DIB_DEV_USER_USERNAME", "stack"),
                (user(UserPart::Groups), "DIB_DEV_USER_GROUPS", "adm, audio"),
                (user(UserPart::Sudo), "DIB_DEV_USER_PWDLESS_SUDO", "yes"),
                (user(UserPart::Password), "DIB_DEV_USER_PASSWORD", "secret"),
            ],
            around,
        );
        insta::assert_snapshot!(toml, @r#"
        [secrets.devuser-password]
        environment = "DIB_DEV_USER_PASSWORD"

        [[users]]
        name = "stack"
        groups = ["adm", "audio"]
        sudo = "nopasswd"
        password = "devuser-password"
        authorized-keys = ["ssh-rsa B"]
        "#);
        assert_eq!(remarks.len(), 4);
        assert!(!toml.contains("\"secret\""), "a password is never written");
        let (toml, remarks) = of(
            &[(user(UserPart::Name), "DIB_DEV_USER_USERNAME", "stack")],
            DibSurroundings::default(),
        );
        assert_eq!(toml, "");
        assert!(remarks[0].contains("`devuser` is not named"), "{remarks:?}");
    }

    #[test]
    fn a_layout_is_its_nodes() {
        let yaml = "- local_loop:\n    name: image0\n    mkfs:\n      type: ext4\n      mount:\n        mount_point: /\n";
        let (toml, remarks) = of(
            &[
                (DibKey::BlockDevice, "DIB_BLOCK_DEVICE_CONFIG", yaml),
                (DibKey::SectorSize, "DIB_BLOCK_SIZE", "4096"),
            ],
            DibSurroundings::default(),
        );
        assert!(
            toml.starts_with(
                "[[block-device]]\nname = \"image0\"\ntype = \"disk\"\nsector-size = 4096\n"
            ),
            "{toml}"
        );
        assert_eq!(remarks.len(), 2, "{remarks:?}");
        let (_, wrong) = of(
            &[(DibKey::BlockDevice, "DIB_BLOCK_DEVICE_CONFIG", "- nothing: {}\n")],
            DibSurroundings::default(),
        );
        assert!(wrong[0].contains("DIB_BLOCK_DEVICE_CONFIG:1:3"), "{wrong:?}");
        let (_, wrong) = of(
            &[(DibKey::BlockDevice, "DIB_BLOCK_DEVICE_CONFIG", "file:///nowhere.yaml")],
            DibSurroundings::default(),
        );
        assert!(wrong[0].contains("`/nowhere.yaml` cannot be read"), "{wrong:?}");
    }

    #[test]
    fn consoles_and_modules() {
        let elements = ["serial-console".to_owned()];
        let around = DibSurroundings { elements: &elements, ..Default::default() };
        let (toml, _) = of(
            &[
                (DibKey::Consoles, "DIB_BOOTLOADER_SERIAL_CONSOLE", "ttyS1,9600n8"),
                (DibKey::ModprobeBlacklist, "DIB_MODPROBE_BLACKLIST", "nouveau floppy"),
            ],
            around,
        );
        insta::assert_snapshot!(toml, @r#"
        [parameters.serial-console]
        device = "ttyS1"
        speed = 9600

        [[files]]
        path = "/etc/modprobe.d/blacklist.conf"
        content = "blacklist nouveau\nblacklist floppy\n"
        "#);
        let (_, remarks) =
            of(&[(DibKey::SectorSize, "DIB_BLOCK_SIZE", "4096")], DibSurroundings::default());
        assert!(remarks[0].contains("not obeyed"), "{remarks:?}");
    }
}
