//! `LANG` of a system, and what makes one that is not there.

use dibhost_element_sdk::{DebconfAnswer, Finding, Plan, Result};

/// Locales that are there without the package `locales`.
const BUILT_IN: [&str; 3] = ["C", "C.UTF-8", "POSIX"];

/// Wishes for what makes a locale; one that is none is refused, and then nothing else is to be wished
/// for. False: it was.
///
/// # Errors
/// The package `locales` was not requested.
pub fn plan(plan: &Plan<'_>, locale: &str) -> Result<bool> {
    if !is_locale(locale) {
        plan.find(
            Finding::refusal(format!("`{}` is no locale of UTF-8.", locale.escape_debug()))
                .about("locale")
                .help("Write it as `en_US.UTF-8`, or leave it out for `C.UTF-8`."),
        );
        return Ok(false);
    }
    if BUILT_IN.contains(&locale) {
        return Ok(true);
    }
    plan.package("locales", "the locale is made of it")?;
    let answer = |question: &str, kind: &str, value: String| {
        DebconfAnswer::new("locales", format!("locales/{question}"), kind, value)
    };
    // Its own scripts make it, and again when libc is upgraded.
    plan.debconf([
        answer("locales_to_be_generated", "multiselect", format!("{locale} UTF-8")),
        answer("default_environment_locale", "select", locale.to_owned()),
    ])?;
    Ok(true)
}

/// One that is there, or one that can be made: `en_US.UTF-8`, `sr_RS.UTF-8@latin`.
fn is_locale(locale: &str) -> bool {
    let plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let made = locale.split_once(".UTF-8").is_some_and(|(language, rest)| {
        let modifier = rest.strip_prefix('@');
        language.len() >= 2
            && plain(language)
            && (rest.is_empty() || modifier.is_some_and(|m| !m.is_empty() && plain(m)))
    });
    made || BUILT_IN.contains(&locale)
}
