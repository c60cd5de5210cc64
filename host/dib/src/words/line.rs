//! A command line of `disk-image-create`, taken apart as a shell and its `getopt` do.

use super::fate::DibRefusal;
use super::option::{DibOption, OPTIONS};
use super::request::DibGiven;

/// A command line of `disk-image-create`.
#[derive(Debug, Clone, Default)]
pub struct DibLine {
    /// Variables that stand before the program, as `DIB_RELEASE=trixie`.
    pub variables: Vec<(String, String)>,
    /// Its options.
    pub given: Vec<DibGiven>,
    /// Its elements.
    pub elements: Vec<String>,
}

/// Takes a command line apart: the words as they were typed, or one text with all of them in it.
/// The program's name may be left out.
///
/// # Errors
/// It is none of `disk-image-create`, or one that its `getopt` refuses.
pub fn line(words: &[String]) -> Result<DibLine, DibRefusal> {
    let split;
    let words = match words {
        [all] if all.contains(char::is_whitespace) => {
            split = shlex::split(&all.replace("\\\n", " ")).ok_or_else(|| {
                let message = "a quotation mark of the command line is never closed";
                DibRefusal::new(message, "close it, or type the words without one around them all")
            })?;
            &split
        }
        words => words,
    };
    if let Some(word) = words.iter().find(|word| word.contains('$') || word.contains('`')) {
        let message = format!("`{}` has in it what a shell would replace", word.escape_debug());
        return Err(DibRefusal::new(message, "write what it stands for"));
    }
    let mut line = DibLine::default();
    let mut words = words.iter().map(String::as_str).peekable();
    while let Some(word) = words.peek() {
        if let Some((name, value)) = assignment(word) {
            line.variables.push((name.to_owned(), value.to_owned()));
        } else if !matches!(*word, "sudo" | "env" | "export" | "exec" | "-E" | "--" | ";" | "&&") {
            break;
        }
        words.next();
    }
    if let Some(program) = words.next_if(|word| word.ends_with("-image-create")) {
        match program.rsplit('/').next() {
            Some("disk-image-create") => {}
            Some("ramdisk-image-create") => {
                let message = "ramdisks are not made yet";
                return Err(DibRefusal::new(message, "images of disks are: `disk-image-create`"));
            }
            _ => {
                let message = format!("`{program}` is no program of diskimage-builder's");
                return Err(DibRefusal::new(
                    message,
                    "write a command line of `disk-image-create`",
                ));
            }
        }
    }
    options(words, &mut line)?;
    Ok(line)
}

fn assignment(word: &str) -> Option<(&str, &str)> {
    let (name, value) = word.split_once('=')?;
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    (starts && name.chars().all(fits)).then_some((name, value))
}

/// GNU's `getopt`: options and elements in any order, until `--`.
fn options<'a>(
    mut words: impl Iterator<Item = &'a str>,
    line: &mut DibLine,
) -> Result<(), DibRefusal> {
    while let Some(word) = words.next() {
        if word == "--" {
            line.elements.extend(words.map(str::to_owned));
            return Ok(());
        } else if let Some(long) = word.strip_prefix("--") {
            let (name, value) = match long.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (long, None),
            };
            let option = named(name)?;
            let value = match option.value {
                None => "",
                Some(_) => match value.or_else(|| words.next()) {
                    Some(value) => value,
                    None => return Err(no_value(option)),
                },
            };
            push(line, option, value);
        } else if word.len() > 1 && word.starts_with('-') {
            let mut letters = word[1..].chars();
            while let Some(letter) = letters.next() {
                let Some(option) = OPTIONS.iter().find(|o| o.short == Some(letter)) else {
                    return Err(unknown(&format!("-{letter}")));
                };
                if option.value.is_none() {
                    push(line, option, "");
                    continue;
                }
                let stuck = letters.as_str();
                let value = if stuck.is_empty() { words.next() } else { Some(stuck) };
                push(line, option, value.ok_or_else(|| no_value(option))?);
                break;
            }
        } else {
            line.elements.push(word.to_owned());
        }
    }
    Ok(())
}

fn push(line: &mut DibLine, option: &'static DibOption, value: &str) {
    line.given.push(DibGiven { option, value: value.to_owned(), by: option.typed() });
}

/// The option of that name, or the only one that begins so.
fn named(name: &str) -> Result<&'static DibOption, DibRefusal> {
    let long = |option: &&DibOption| option.long == Some(name);
    if let Some(option) = OPTIONS.iter().find(long) {
        return Ok(option);
    }
    let begins = |option: &&DibOption| option.long.is_some_and(|long| long.starts_with(name));
    let mut near = OPTIONS.iter().filter(begins);
    match (near.next(), near.next()) {
        (Some(option), None) => Ok(option),
        _ => Err(unknown(&format!("--{name}"))),
    }
}

fn unknown(option: &str) -> DibRefusal {
    let message = format!("`disk-image-create` has no option `{}`", option.escape_debug());
    let known: Vec<String> = OPTIONS.iter().map(DibOption::typed).collect();
    let near = dibhost_text::did_you_mean(option, known.iter().map(String::as_str));
    DibRefusal::new(message, near.unwrap_or_else(|| format!("it has {}", known.join(", "))))
}

fn no_value(option: &DibOption) -> DibRefusal {
    let (typed, value) = (option.typed(), option.value.unwrap_or_default());
    DibRefusal::new(format!("`{typed}` has no value"), format!("write `{typed} {value}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, String> {
        let line = line(&[text.to_owned()]).map_err(|refusal| refusal.message)?;
        let variables = line.variables.iter().map(|(name, value)| format!("{name}={value}"));
        let given = line.given.iter().map(|given| format!("{}:{}", given.by, given.value));
        let all: Vec<String> = variables.chain(given).chain(line.elements).collect();
        Ok(all.join(" "))
    }

    #[test]
    fn a_line_is_taken_apart_as_getopt_does() {
        for (text, read_as) in [
            (
                "DIB_RELEASE=xenial disk-image-create -a amd64 -o ubuntu-16 -p a,b ubuntu vm devuser",
                "DIB_RELEASE=xenial -a:amd64 -o:ubuntu-16 -p:a,b ubuntu vm devuser",
            ),
            (
                "sudo -E /usr/bin/disk-image-create vm -xu -oname --image-size=5 debian -x --no-tmp",
                "-x: -u: -o:name --image-size:5 -x: --no-tmpfs: vm debian",
            ),
            ("disk-image-create \\\n  -t qcow2,raw vm 'a b' -- -x", "-t:qcow2,raw vm a b -x"),
            ("vm debian", "vm debian"),
        ] {
            assert_eq!(read(text).unwrap(), read_as, "{text}");
        }
    }

    #[test]
    fn what_getopt_refuses_is_refused() {
        for (text, words) in [
            ("disk-image-create --imag 5 vm", "no option `--imag`"),
            ("disk-image-create -z vm", "no option `-z`"),
            ("disk-image-create vm -o", "`-o` has no value"),
            ("disk-image-create vm --image-size", "`--image-size` has no value"),
            ("disk-image-create -o $NAME vm", "`$NAME`"),
            ("disk-image-create -o 'x vm", "never closed"),
            ("ramdisk-image-create -o x fedora", "ramdisks"),
            ("virtual-image-create x", "no program"),
        ] {
            let wrong = read(text).unwrap_err();
            assert!(wrong.contains(words), "{text}: {wrong}");
        }
    }
}
