//! What a person types of elements' parameters, as texts: made into what their elements declare.

use dibhost_definition::{Definition, Diagnostic, Diagnostics, Typed, is_key};
use dibhost_dib::words::DibRemark;
use dibhost_inputs::Inputs;
use serde_json::Value;

use crate::description::{Parameter, ParameterKind};
use crate::planner::Planner;
use crate::resolve::resolve;

/// Variables that parameters have as aliases, and settings as `ELEMENT.PARAMETER=VALUE`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Texts<'a> {
    /// Names and values of variables.
    pub variables: &'a [(String, String)],
    /// Settings.
    pub settings: &'a [String],
}

/// Sets in `typed` what the texts say of the elements of `definition`. Returns what became of the
/// variables.
///
/// # Errors
/// Settings that are none. What an element does not know is for the plan to say.
pub fn set_typed(
    definition: &Definition,
    planner: &dyn Planner,
    texts: Texts<'_>,
    typed: &mut Typed,
) -> Result<Vec<DibRemark>, Diagnostics> {
    if texts.variables.is_empty() && texts.settings.is_empty() {
        return Ok(Vec::new());
    }
    // What is wrong with elements is told when they are planned.
    let elements = resolve(definition, planner, &Inputs::default(), &mut Diagnostics::default());
    let parameters = || {
        elements.iter().flat_map(|(name, element)| {
            element.description().parameters.iter().map(move |parameter| (name.as_str(), parameter))
        })
    };
    let mut remarks = Vec::new();
    for (variable, text) in texts.variables {
        let of = parameters().filter(|(_, parameter)| parameter.aliases.contains(variable));
        let mut obeyed = Vec::new();
        for (element, parameter) in of {
            obeyed.push(format!("`{element}.{}`", parameter.name));
            set(typed, element, parameter, text);
        }
        let name = variable;
        remarks.push(match obeyed.is_empty() {
            true => DibRemark::warned(format!(
                "`{name}` is not obeyed: no element of the image has a parameter for it"
            )),
            false => DibRemark::told(format!("`{name}` is obeyed, as {}", obeyed.join(" and "))),
        });
    }
    let mut wrong = Diagnostics::default();
    for setting in texts.settings {
        let Some((path, text)) = setting.split_once('=') else {
            wrong.push(no_setting(setting));
            continue;
        };
        let path = path.trim();
        let Some((element, name)) = path.split_once('.') else {
            match is_key(path) {
                true => lay(typed, &[path], text),
                false => wrong.push(no_setting(setting)),
            }
            continue;
        };
        match parameters().find(|(known, parameter)| *known == element && parameter.name == name) {
            Some((element, parameter)) => set(typed, element, parameter, text),
            None if is_key(element) && !elements.contains_key(element) => {
                // `sysctl.net.ipv4.ip_forward`: the name of a setting has dots of its own.
                match element {
                    "sysctl" => typed.set(&[element, name], text),
                    _ => {
                        let path: Vec<&str> = path.split('.').collect();
                        lay(typed, &path, text);
                    }
                }
            }
            None => typed.set(&["parameters", element, name], text),
        }
    }
    wrong.or(remarks)
}

/// Keys of a definition that are lists of words, in none of which a comma is.
const LISTS: [&[&str]; 4] =
    [&["include"], &["packages"], &["image", "elements"], &["image", "formats"]];

/// The one whose words may have commas in them.
const ARGUMENTS: [&str; 2] = ["kernel", "arguments"];

/// As definitions are laid over one another: lists add, anything else is set. A list may be typed as
/// its words.
fn lay(typed: &mut Typed, path: &[&str], text: &str) {
    let value = match plain(text) {
        list @ Value::Array(_) => list,
        _ if LISTS.contains(&path) => {
            let separates = |c: char| c == ',' || c.is_whitespace();
            text.split(separates).filter(|word| !word.is_empty()).map(Value::from).collect()
        }
        _ if path == ARGUMENTS => words(text).map(Value::from).collect(),
        value => value,
    };
    match value {
        Value::Array(list) => typed.add(path, list),
        value => typed.set(path, value),
    }
}

fn no_setting(setting: &str) -> Diagnostic {
    Diagnostic::new(format!("`--set {}` sets nothing", setting.escape_debug())).with_help(
        "write `--set ELEMENT.PARAMETER=VALUE`, as `--set debian-minimal.release=trixie`, or a key \
         of a definition, as `--set disk.size=20GB`",
    )
}

fn set(typed: &mut Typed, element: &str, parameter: &Parameter, text: &str) {
    typed.set(&["parameters", element, &parameter.name], value_of(&parameter.kind, text));
}

/// A text as the value of a parameter. What does not fit stays a text, which the plan refuses with
/// what the parameter is.
#[must_use]
pub fn value_of(kind: &ParameterKind, text: &str) -> Value {
    match kind {
        ParameterKind::Text | ParameterKind::Choice(_) | ParameterKind::Secret => text.into(),
        ParameterKind::Integer => {
            text.trim().parse::<i64>().map_or_else(|_| text.into(), Value::from)
        }
        ParameterKind::Boolean => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" => true.into(),
            "false" | "no" | "0" => false.into(),
            _ => text.into(),
        },
        ParameterKind::TextList => match toml(text) {
            Some(list @ Value::Array(_)) => list,
            _ => words(text).map(Value::from).collect(),
        },
        ParameterKind::Json(_) => plain(text),
    }
}

/// Words of a text: with commas between them, or with white space where commas are part of them
/// (`console=ttyS0,115200 quiet`).
fn words(text: &str) -> impl Iterator<Item = &str> {
    let bare = text.replace(", ", ",");
    let spaced = bare.trim().contains(char::is_whitespace) || bare.contains('=');
    text.split(move |c: char| c.is_whitespace() || (c == ',' && !spaced))
        .filter(|word| !word.is_empty())
}

/// A value of a key whose kind is not known: as TOML has it, else a text.
fn plain(text: &str) -> Value {
    toml(text).unwrap_or_else(|| text.into())
}

fn toml(text: &str) -> Option<Value> {
    let table: toml::Table = format!("x = {text}").parse().ok()?;
    // A line's end would begin another key.
    let value = table.get("x").filter(|_| table.len() == 1)?;
    match value {
        toml::Value::Datetime(_) => None,
        value => serde_json::to_value(value).ok(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_text_becomes_what_the_parameter_is() {
        let list = ParameterKind::TextList;
        for (kind, text, value) in [
            (&ParameterKind::Text, "12", json!("12")),
            (&ParameterKind::Choice(vec!["a".to_owned()]), "b", json!("b")),
            (&ParameterKind::Integer, " 12", json!(12)),
            (&ParameterKind::Integer, "twelve", json!("twelve")),
            (&ParameterKind::Boolean, "Yes", json!(true)),
            (&ParameterKind::Boolean, "0", json!(false)),
            (&ParameterKind::Boolean, "perhaps", json!("perhaps")),
            (&list, "main,contrib", json!(["main", "contrib"])),
            (&list, "ConfigDrive, OpenStack", json!(["ConfigDrive", "OpenStack"])),
            (&list, "nofb console=ttyS0,115200", json!(["nofb", "console=ttyS0,115200"])),
            (&list, "console=ttyS0,115200", json!(["console=ttyS0,115200"])),
            (&list, "[\"a b\", 'c']", json!(["a b", "c"])),
            (&list, "", json!([])),
            (&ParameterKind::Json(json!({})), "{ a = 1 }", json!({ "a": 1 })),
            (&ParameterKind::Json(json!({})), "a\nb = 1", json!("a\nb = 1")),
        ] {
            assert_eq!(value_of(kind, text), value, "{text}");
        }
    }
}
