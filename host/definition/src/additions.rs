//! What a person types of an image's content, as keys of a definition.

use std::path::Path;

use dibhost_sys::read_written;
use dibhost_text::parse_size;
use serde_json::{Value, json};

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::typed::Typed;

/// What is typed of an image's content, as it was typed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Additions<'a> {
    /// `-p nginx,curl`.
    pub packages: &'a [String],
    /// `--file /etc/motd=./motd`.
    pub files: &'a [String],
    /// `--run 'CMD'`, for a shell.
    pub commands: &'a [String],
    /// `--user NAME[:KEYFILE]`.
    pub users: &'a [String],
    /// `--secret NAME=FILE`.
    pub secrets: &'a [String],
    /// `--size 20GB`.
    pub size: Option<&'a str>,
    /// Public keys of the person who builds, for a user without a file of them.
    pub builder_keys: &'a [String],
}

impl Typed {
    /// Adds what was typed; files of keys are read.
    ///
    /// # Errors
    /// All that is wrong with how it was typed. What keys may say is for the definition to check.
    pub fn add_content(&mut self, additions: &Additions<'_>) -> Result<(), Diagnostics> {
        let mut wrong = Diagnostics::default();
        let packages = additions.packages.iter().flat_map(|list| list.split(','));
        let packages: Vec<Value> =
            packages.map(str::trim).filter(|name| !name.is_empty()).map(Value::from).collect();
        if !packages.is_empty() {
            self.add(&["packages"], packages);
        }
        if let Some(size) = additions.size {
            match parse_size(size) {
                Ok(_) => self.set(&["disk", "size"], size),
                Err(why) => wrong.push(Diagnostic::new(why).in_context("reading `--size`")),
            }
        }
        for secret in additions.secrets {
            match pair(secret, "--secret", "NAME=FILE", "disk-passphrase=key.txt") {
                Ok((name, file)) => self.set(&["secrets", name, "file"], file),
                Err(diagnostic) => wrong.push(diagnostic),
            }
        }
        for file in additions.files {
            match pair(file, "--file", "DEST=SOURCE", "/etc/motd=./motd") {
                Ok((path, source)) => {
                    self.add(&["files"], [json!({ "path": path, "source": source })]);
                }
                Err(diagnostic) => wrong.push(diagnostic),
            }
        }
        for user in additions.users {
            match user_of(user, additions.builder_keys) {
                Ok(user) => self.add(&["users"], [user]),
                Err(diagnostic) => wrong.push(diagnostic),
            }
        }
        for command in additions.commands {
            let run = json!({ "phase": "post-install", "run": ["sh", "-c", command] });
            self.add(&["commands"], [run]);
        }
        wrong.or(())
    }
}

fn pair<'a>(
    text: &'a str,
    option: &str,
    form: &str,
    example: &str,
) -> Result<(&'a str, &'a str), Diagnostic> {
    match text.split_once('=') {
        Some((left, right)) if !left.is_empty() && !right.is_empty() => Ok((left, right)),
        _ => Err(Diagnostic::new(format!("`{option} {}` is no `{form}`", text.escape_debug()))
            .with_help(format!("write it as `{option} {example}`"))),
    }
}

/// The table of a user.
fn user_of(text: &str, builder_keys: &[String]) -> Result<Value, Diagnostic> {
    let (name, file) = match text.split_once(':') {
        Some((name, file)) => (name, Some(file)),
        None => (text, None),
    };
    let context = || format!("reading `--user {}`", text.escape_debug());
    let keys = match file {
        Some(file) => keys_of(Path::new(file)).map_err(|wrong| wrong.in_context(context()))?,
        None if builder_keys.is_empty() => {
            return Err(Diagnostic::new(format!("nobody could log in as `{name}`: you have no public key"))
                .in_context(context())
                .with_help(format!(
                    "write `--user {name}:KEYFILE` with a file of public keys, or make one with `ssh-keygen`"
                )));
        }
        None => builder_keys.to_vec(),
    };
    Ok(json!({ "name": name, "authorized-keys": keys }))
}

/// The public keys of a file, as `authorized_keys` has them.
pub(crate) fn keys_of(file: &Path) -> Result<Vec<String>, Diagnostic> {
    let shown = file.display();
    let text = read_written(file).map_err(|error| {
        Diagnostic::new(format!("the keys of `{shown}` cannot be read: {error}"))
            .with_help("name a file of public keys, as `~/.ssh/id_ed25519.pub`")
    })?;
    let lines =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let keys: Vec<String> = lines.map(str::to_owned).collect();
    if keys.is_empty() || text.contains("PRIVATE KEY") {
        let message = format!("`{shown}` holds no public key");
        let help = "the file of a public key ends in `.pub`";
        return Err(Diagnostic::new(message).with_help(help));
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(list: &[&str]) -> Vec<String> {
        list.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn what_is_typed_is_shown_as_the_toml_that_says_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let keys = folder.path().join("keys");
        std::fs::write(&keys, "# mine\nssh-ed25519 AAAA me\n\n").unwrap();
        let mut typed = Typed::default();
        typed
            .add_content(&Additions {
                packages: &texts(&["nginx, !snapd", "curl=8.*"]),
                files: &texts(&["/etc/motd=./motd"]),
                commands: &texts(&["echo \"a b\" > /x"]),
                users: &texts(&[&format!("deploy:{}", keys.display()), "me"]),
                secrets: &texts(&["disk=key.txt"]),
                size: Some("20GB"),
                builder_keys: &texts(&["ssh-rsa B"]),
            })
            .unwrap();
        insta::assert_snapshot!(typed.to_toml(), @r#"
        packages = ["nginx", "!snapd", "curl=8.*"]

        [disk]
        size = "20GB"

        [secrets.disk]
        file = "key.txt"

        [[files]]
        path = "/etc/motd"
        source = "./motd"

        [[users]]
        name = "deploy"
        authorized-keys = ["ssh-ed25519 AAAA me"]

        [[users]]
        name = "me"
        authorized-keys = ["ssh-rsa B"]

        [[commands]]
        phase = "post-install"
        run = ["sh", "-c", "echo \"a b\" > /x"]
        "#);
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let private = folder.path().join("id");
        std::fs::write(&private, "-----BEGIN OPENSSH PRIVATE KEY-----\n").unwrap();
        let users = [format!("a:{}", private.display()), "b:/nowhere".to_owned(), "c".to_owned()];
        let additions = Additions {
            files: &texts(&["/etc/motd"]),
            users: &users,
            secrets: &texts(&["=x"]),
            size: Some("20 G"),
            ..Additions::default()
        };
        let wrong = Typed::default().add_content(&additions).unwrap_err().to_string();
        for words in [
            "`20 G` is no size",
            "`--file /etc/motd` is no `DEST=SOURCE`",
            "`--secret =x` is no `NAME=FILE`",
            "holds no public key",
            "the keys of `/nowhere` cannot be read",
            "nobody could log in as `c`",
        ] {
            assert!(wrong.contains(words), "{words}: {wrong}");
        }
    }
}
