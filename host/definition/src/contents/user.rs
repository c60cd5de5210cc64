//! `[[users]]`: who has an account.

use toml::de::DeValue;

use crate::date;
use crate::diagnostic::Diagnostic;
use crate::keys::USER_KEYS;
use crate::location::Spanned;
use crate::reader::{Item, Reader, integer, is_name, kind};
use crate::rule;

/// Rules of `sudo`, as they are written.
const RULES: [&str; 3] = ["nopasswd", "password", "none"];

/// An entry of `[[users]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatedUser {
    /// Login name.
    pub name: Spanned<String>,
    /// Lines for `authorized_keys`.
    pub authorized_keys: Vec<Spanned<String>>,
    /// Groups that it is in besides its own.
    pub groups: Vec<Spanned<String>>,
    /// `nopasswd`, `password` or `none`; none: nobody says.
    pub sudo: Option<String>,
    /// The name of a secret in `[secrets]`.
    pub password: Option<Spanned<String>>,
    /// None: the distribution's default.
    pub shell: Option<String>,
    /// None: `/home/NAME`.
    pub home: Option<String>,
    /// None: the next free one.
    pub uid: Option<u32>,
    /// None: a group of its own.
    pub gid: Option<u32>,
    /// A system account.
    pub system: bool,
    /// Whose it is.
    pub comment: Option<String>,
    /// `YYYY-MM-DD`: the day from which on nobody can log in with it.
    pub expires: Option<String>,
    /// Its password has to be changed at the first login.
    pub change_password: bool,
}

impl StatedUser {
    /// A user of this name, of whom nothing more is said.
    #[must_use]
    pub fn new(name: Spanned<String>) -> Self {
        Self {
            name,
            authorized_keys: Vec::new(),
            groups: Vec::new(),
            sudo: None,
            password: None,
            shell: None,
            home: None,
            uid: None,
            gid: None,
            system: false,
            comment: None,
            expires: None,
            change_password: false,
        }
    }
}

impl Reader<'_> {
    pub(crate) fn users(&mut self, item: &Item<'_>) -> Vec<Spanned<StatedUser>> {
        let mut users = Vec::new();
        for entry in self.tables(item, "users") {
            if let Some(user) = self.user(entry) {
                users.push(self.spanned(entry, user));
            }
        }
        users
    }

    fn user(&mut self, entry: &Item<'_>) -> Option<StatedUser> {
        let DeValue::Table(table) = entry.get_ref() else { return None };
        let misspelt = !self.known_keys(table, &USER_KEYS, "`[[users]]`");
        let name = match table.iter().find(|(key, _)| key.get_ref() == "name") {
            Some((_, item)) => self.ruled(item, "name", rule::account_name),
            // It is the key that was misspelt.
            None if misspelt => None,
            None => {
                self.refuse(
                    entry,
                    Diagnostic::new("an entry of `[[users]]` says no `name`")
                        .with_help("write\n[[users]]\nname = \"deploy\""),
                );
                None
            }
        };
        let mut user = StatedUser::new(name.clone().unwrap_or(Spanned::unplaced(String::new())));
        for (key, item) in table {
            let key = key.get_ref().as_ref();
            let mut ruled = |rule| self.ruled(item, key, rule).map(|text| text.value);
            match key {
                "shell" => user.shell = ruled(rule::account_path),
                "home" => user.home = ruled(rule::account_path),
                "comment" => user.comment = ruled(rule::account_comment),
                "authorized-keys" => {
                    let wanted = "a list of public keys, as `[\"ssh-ed25519 AAAA… me@example\"]`";
                    user.authorized_keys = self.all_ruled(item, key, wanted, rule::authorized_key);
                }
                "groups" => {
                    let wanted = "a list of names, as `[\"adm\"]`";
                    user.groups = self.all_ruled(item, key, wanted, rule::account_name);
                }
                "sudo" => user.sudo = self.one_of(item, key, &RULES),
                "password" => user.password = self.secret_name(item),
                "uid" => user.uid = self.account_number(item, key),
                "gid" => user.gid = self.account_number(item, key),
                "system" => user.system = self.boolean(item, key),
                "change-password" => user.change_password = self.boolean(item, key),
                "expires" => user.expires = self.day(item),
                _ => {}
            }
        }
        name.map(|_| user)
    }

    /// Not shown with its line where it is no name: it may be the secret itself.
    fn secret_name(&mut self, item: &Item<'_>) -> Option<Spanned<String>> {
        match item.get_ref() {
            DeValue::String(name) if is_name(name) => Some(self.spanned(item, name.to_string())),
            _ => {
                let place = self.source.locate(&item.span()).without_excerpt();
                self.wrong.push(
                    Diagnostic::new("`password` has to be the name of a secret in `[secrets]`")
                        .at(Some(&place))
                        .with_help("a secret never stands in a definition: write\npassword = \"deploy-password\"\nand\n[secrets]\ndeploy-password = { file = \"…\" }"),
                );
                None
            }
        }
    }

    fn account_number(&mut self, item: &Item<'_>, key: &str) -> Option<u32> {
        let number = integer(item.get_ref()).and_then(|n| u32::try_from(n).ok());
        // (uid_t) -1 means "leave as it is" to the kernel, and 65535 is its 16-bit twin.
        let number = number.filter(|n| ![65_535, u32::MAX].contains(n));
        if number.is_none() {
            let message = format!(
                "`{key}` has to be a whole number from 0 to 4294967294, and not 65535; this is {}",
                kind(item.get_ref())
            );
            self.refuse(item, Diagnostic::new(message));
        }
        number
    }

    /// A day, as a text or as a date of TOML's.
    fn day(&mut self, item: &Item<'_>) -> Option<String> {
        let day = match item.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Datetime(date) => date.to_string(),
            value => {
                let message = format!(
                    "`expires` has to be a day, as \"2030-12-31\"; this is {}",
                    kind(value)
                );
                self.refuse(item, Diagnostic::new(message));
                return None;
            }
        };
        if let Err(why) = date::days_of(&day) {
            self.refuse(item, Diagnostic::new(format!("`expires` {day:?} {why}")).with_help("write the first day on which nobody can log in any more: expires = \"2030-12-31\""));
            return None;
        }
        Some(day)
    }
}
