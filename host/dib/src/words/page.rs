//! The tables of `docs/from-diskimage-builder.md`.

use std::fmt::Write as _;

use super::element::{ELEMENTS, Here};
use super::option::OPTIONS;
use super::variable::{DibKey, DibMeaning, UserPart, VARIABLES};

/// What is said of each option, variable and element, as Markdown.
#[must_use]
pub fn tables() -> String {
    let mut text = String::new();
    text += "### Options of `disk-image-create`\n\n| option | here |\n| --- | --- |\n";
    for option in &OPTIONS {
        let value = option.value.map(|value| format!(" {value}")).unwrap_or_default();
        let _ = writeln!(text, "| `{}{value}` | {} |", option.typed(), option.fate);
    }
    text += "\n### Variables\n\n| variable | here |\n| --- | --- |\n";
    for variable in VARIABLES {
        let _ = writeln!(text, "| `{}` | {} |", variable.name, means(variable.means));
    }
    text += "\n### Elements\n\n| element | here |\n| --- | --- |\n";
    let same = ELEMENTS.iter().filter(|element| element.here == Here::Same);
    let same: Vec<String> = same.map(|element| format!("`{}`", element.name)).collect();
    let _ = writeln!(text, "| {} | the same |", same.join(", "));
    for element in ELEMENTS.iter().filter(|element| element.here != Here::Same) {
        let _ = writeln!(text, "| `{}` | {} |", element.name, element.here.in_words());
    }
    text
}

fn means(meaning: DibMeaning) -> String {
    match meaning {
        DibMeaning::Option(id) => {
            let dash = if id.len() == 1 { "-" } else { "--" };
            format!("obeyed, as `{dash}{id}`")
        }
        DibMeaning::Parameter(parameter) => match parameter.split_once('.') {
            Some((element, parameter)) => {
                format!("obeyed: the parameter `{parameter}` of `{element}`")
            }
            None => format!("obeyed: the parameter `{parameter}`"),
        },
        DibMeaning::Key(key) => format!("obeyed: {}", said(key)),
        DibMeaning::Builder(text) => format!("of the builder: {text}"),
        DibMeaning::Fate(fate) => fate.to_string(),
    }
}

fn said(key: DibKey) -> &'static str {
    match key {
        DibKey::BlockDevice => {
            "`[[block-device]]`; `block-device = \"layout.yaml\"` takes a file as it is"
        }
        DibKey::SectorSize => "`sector-size` of the disks of `DIB_BLOCK_DEVICE_CONFIG`",
        DibKey::User(UserPart::Name) => "`name` of `[[users]]`, with the element `devuser`",
        DibKey::User(UserPart::Groups) => "`groups` of that user",
        DibKey::User(UserPart::Shell) => "`shell` of that user",
        DibKey::User(UserPart::Sudo) => "`sudo = \"nopasswd\"` of that user",
        DibKey::User(UserPart::Keys) => "`authorized-keys` of that user, read from the file",
        DibKey::User(UserPart::Password) => {
            "`password` of that user, as a secret from the environment"
        }
        DibKey::Consoles => "the parameters `device` and `speed` of `serial-console`",
        DibKey::ModprobeBlacklist => "a file of `[[files]]` below `/etc/modprobe.d`",
    }
}
