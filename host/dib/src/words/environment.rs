//! What the variables of an environment come to, where elements are typed.

use std::collections::BTreeMap;

use dibhost_text::{did_you_mean, quoted_list};

use super::fate::DibRemark;
use super::option::option;
use super::request::DibGiven;
use super::variable::{DibKey, DibMeaning, VARIABLES, is_dibs, variable};

/// What variables of DIB's come to.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// Options that say the same.
    pub given: Vec<DibGiven>,
    /// Those that elements may have as aliases of parameters: name and value.
    pub aliases: Vec<(String, String)>,
    /// Keys of a definition, with what each variable is called and says.
    pub keys: Vec<(DibKey, String, String)>,
    /// What is obeyed and what is not.
    pub remarks: Vec<DibRemark>,
}

impl Environment {
    /// Takes the variables of an environment; those that say what `typed` options say are passed
    /// over, as DIB does.
    #[must_use]
    pub fn of(variables: &BTreeMap<String, String>, typed: &[DibGiven]) -> Self {
        let mut environment = Self::default();
        for (name, value) in variables.iter().filter(|(_, value)| !value.is_empty()) {
            let Some(known) = variable(name) else {
                if is_dibs(name) {
                    environment.remarks.push(DibRemark::warned(unknown(name)));
                }
                continue;
            };
            match known.means {
                DibMeaning::Builder(_) => {}
                DibMeaning::Option(id) => {
                    let Some(option) = option(id) else { continue };
                    let flag = option.value.is_none();
                    if (flag && value == "0") || typed.iter().any(|given| given.option.id() == id) {
                        continue;
                    }
                    let typed = option.typed();
                    let text = format!("`{name}` is obeyed, as `{typed}`");
                    environment.remarks.push(DibRemark::told(text));
                    let value = if flag { String::new() } else { value.clone() };
                    environment.given.push(DibGiven { option, value, by: name.clone() });
                }
                DibMeaning::Parameter(_) => {
                    environment.aliases.push((name.clone(), value.clone()));
                }
                DibMeaning::Key(key) => {
                    environment.keys.push((key, name.clone(), value.clone()));
                }
                DibMeaning::Fate(fate) => {
                    let text = format!("`{name}` is not obeyed: {fate}");
                    environment.remarks.push(DibRemark::warned(text));
                }
            }
        }
        environment
    }
}

/// What is said beside a definition, which obeys no variable; none: there is nothing to say.
#[must_use]
pub fn not_obeyed<'a>(variables: impl Iterator<Item = &'a str>) -> Option<String> {
    let meant = |name: &&str| match variable(name) {
        Some(known) => !matches!(known.means, DibMeaning::Builder(_)),
        None => is_dibs(name),
    };
    let names: Vec<&str> = variables.filter(meant).collect();
    let (is, it) = if names.len() == 1 { ("is", "it says") } else { ("are", "they say") };
    (!names.is_empty()).then(|| {
        format!(
            "{} {is} set and not obeyed: a definition says itself what {it} \
             (`docs/from-diskimage-builder.md` has the key of each)",
            quoted_list(names)
        )
    })
}

fn unknown(name: &str) -> String {
    let plain = VARIABLES.iter().map(|known| known.name).filter(|known| !known.ends_with('…'));
    match did_you_mean(name, plain) {
        Some(near) => format!("`{name}` is no variable of diskimage-builder's: {near}"),
        None => {
            format!("`{name}` is not obeyed: it is no variable of diskimage-builder's own elements")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)], typed: &[&str]) -> Environment {
        let variables = variables.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let given = |id: &&str| {
            let option = option(id).unwrap();
            DibGiven { option, value: "x".to_owned(), by: option.typed() }
        };
        Environment::of(&variables, &typed.iter().map(given).collect::<Vec<_>>())
    }

    #[test]
    fn each_variable_is_obeyed_or_named() {
        let all: Vec<(String, String)> =
            VARIABLES.iter().map(|known| (known.name.replace('…', "X"), "5".to_owned())).collect();
        let variables: BTreeMap<String, String> = all.iter().cloned().collect();
        let environment = Environment::of(&variables, &[]);
        for (name, _) in &all {
            let said =
                environment.remarks.iter().any(|r| r.text.starts_with(&format!("`{name}` is ")));
            let taken = environment.aliases.iter().any(|(n, _)| n == name)
                || environment.keys.iter().any(|(_, n, _)| n == name);
            let builder = matches!(variable(name).unwrap().means, DibMeaning::Builder(_));
            assert!(said ^ taken ^ builder, "{name}: {said} {taken} {builder}");
        }
    }

    #[test]
    fn options_come_before_variables_and_flags_may_be_off() {
        let environment = of(&[("DIB_IMAGE_SIZE", "9"), ("ARCH", "amd64")], &["image-size"]);
        assert_eq!(environment.given.len(), 1);
        assert_eq!(environment.remarks, [DibRemark::told("`ARCH` is obeyed, as `-a`")]);
        let environment =
            of(&[("DIB_NO_TMPFS", "0"), ("DIB_CHECKSUM", "1"), ("DIB_OFFLINE", "")], &[]);
        assert_eq!(environment.given.len(), 1);
        assert_eq!(environment.given[0].by, "DIB_CHECKSUM");
    }

    #[test]
    fn what_is_not_obeyed_is_named() {
        let remarks = of(
            &[
                ("DIB_RELESE", "sid"),
                ("DIB_ZIPL_DEFAULT_CMDLINE", "x"),
                ("DIB_MY_OWN_THING", "1"),
                ("HOME", "/"),
            ],
            &[],
        )
        .remarks;
        assert!(remarks.iter().all(|remark| remark.warns));
        assert_eq!(
            remarks.iter().map(|remark| remark.text.as_str()).collect::<Vec<_>>(),
            [
                "`DIB_MY_OWN_THING` is not obeyed: it is no variable of diskimage-builder's own elements",
                "`DIB_RELESE` is no variable of diskimage-builder's: did you mean `DIB_RELEASE`?",
                "`DIB_ZIPL_DEFAULT_CMDLINE` is not obeyed: not yet: `bootloader` is GRUB",
            ]
        );
    }

    #[test]
    fn a_definition_obeys_none_and_says_so() {
        let said = |names: &[&str]| not_obeyed(names.iter().copied());
        assert_eq!(said(&["HOME", "TMPDIR", "http_proxy", "PATH"]), None);
        let one = said(&["DIB_RELEASE", "HOME"]).unwrap();
        assert!(one.starts_with("`DIB_RELEASE` is set and not obeyed"), "{one}");
        let two = said(&["ARCH", "DIB_WHATEVER"]).unwrap();
        assert!(two.starts_with("`ARCH` and `DIB_WHATEVER` are set and not obeyed"), "{two}");
    }
}
