//! Options of a module, as modprobe.d(5) has them.

use dibhost_element_sdk::{Finding, names};

/// What is wrong with them; none: they are `NAME` or `NAME=VALUE`, spaces between them.
pub(crate) fn problem(options: &str) -> Option<Finding> {
    let refusal = |what: String| {
        let help = "Write them as `name=value`, with a space between two: `index=1 model=auto`.";
        Some(Finding::refusal(what).about("options").help(help))
    };
    if options.trim().is_empty() {
        return refusal("A module has options that say nothing.".to_owned());
    }
    let odd = options.split(' ').filter(|word| !word.is_empty()).find(|word| !is_option(word));
    odd.and_then(|odd| refusal(format!("`{}` is no option of a module.", odd.escape_debug())))
}

/// Values have no quotes and no `\`, which modprobe and the kernel take apart differently.
fn is_option(word: &str) -> bool {
    let (name, value) = word.split_once('=').unwrap_or((word, ""));
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.,:/+-@=".contains(c);
    names::is_word(name, "_-.") && value.chars().all(plain)
}
