//! Users and groups.

use std::collections::BTreeMap;

use dibhost_definition::{Diagnostic, Diagnostics};

use super::conflict::{By, conflict, note};
use crate::plan::{PlannedGroup, PlannedPassword, PlannedUser};
use crate::wish::{User, Wish, WishRecord};

/// Groups, each in the first phase that wishes for it.
pub(crate) fn groups(wishes: &[WishRecord], wrong: &mut Diagnostics) -> Vec<PlannedGroup> {
    let mut groups: BTreeMap<&str, PlannedGroup> = BTreeMap::new();
    // Who said a number, for the conflict.
    let mut numbered: BTreeMap<&str, (By<'_>, u32)> = BTreeMap::new();
    for record in wishes {
        let Wish::Group { name, gid } = &record.wish else { continue };
        let by = By::of(record);
        let group = groups.entry(name).or_insert_with(|| PlannedGroup {
            phase: record.phase,
            name: name.clone(),
            gid: None,
            wanted_by: Vec::new(),
        });
        note(&mut group.wanted_by, &record.element);
        let Some(gid) = *gid else { continue };
        group.gid.get_or_insert(gid);
        let (first, number) = *numbered.entry(name).or_insert((by, gid));
        if number != gid {
            let subject = format!("the group `{name}`");
            wrong.push(conflict(
                &subject,
                first,
                &format!("the number {number}"),
                by,
                &format!("the number {gid}"),
            ));
        }
    }
    one_number_each(&numbered, "group", wrong);
    let mut groups: Vec<PlannedGroup> = groups.into_values().collect();
    groups.sort_by(|a, b| (a.phase, &a.name).cmp(&(b.phase, &b.name)));
    groups
}

/// Users: an entry for each phase that wishes for something new about one.
pub(crate) fn users(wishes: &[WishRecord], wrong: &mut Diagnostics) -> Vec<PlannedUser> {
    let mut by_name: BTreeMap<&str, Vec<(By<'_>, &User)>> = BTreeMap::new();
    let mut numbered: BTreeMap<&str, (By<'_>, u32)> = BTreeMap::new();
    for record in wishes {
        if let Wish::User(user) = &record.wish {
            let by = By::of(record);
            by_name.entry(&user.name).or_default().push((by, user));
            if let Some(uid) = user.uid {
                numbered.entry(&user.name).or_insert((by, uid));
            }
        }
    }
    one_number_each(&numbered, "user", wrong);
    let mut planned = Vec::new();
    for (name, wanted) in by_name {
        contradictions(name, &wanted, wrong);
        let mut current: Option<PlannedUser> = None;
        for (by, user) in wanted {
            match &mut current {
                None => {
                    let wanted_by = vec![by.element.to_owned()];
                    current = Some(PlannedUser { phase: by.phase, user: normal(user), wanted_by });
                }
                Some(there) => {
                    let mut merged = there.user.clone();
                    join(&mut merged, user);
                    if merged != there.user && by.phase != there.phase {
                        planned.push(there.clone());
                        there.phase = by.phase;
                    }
                    there.user = merged;
                    note(&mut there.wanted_by, by.element);
                }
            }
        }
        planned.extend(current);
    }
    planned.sort_by(|a, b| (a.phase, &a.user.name).cmp(&(b.phase, &b.user.name)));
    planned
}

/// Passwords, each in the first phase that wishes for it. `secret_of` says which secret a
/// parameter of an element names.
pub(crate) fn passwords(
    wishes: &[WishRecord],
    secret_of: &dyn Fn(&str, &str) -> Option<String>,
    wrong: &mut Diagnostics,
) -> Vec<PlannedPassword> {
    let mut passwords: BTreeMap<&str, (By<'_>, PlannedPassword)> = BTreeMap::new();
    for record in wishes {
        let Wish::Password { user, parameter } = &record.wish else { continue };
        let by = By::of(record);
        let Some(secret) = secret_of(&record.element, parameter) else {
            wrong.push(Diagnostic::new(format!(
                "{by} wishes for a password of `{user}` from its parameter `{parameter}`, which names no secret"
            )));
            continue;
        };
        let (first, planned) = passwords.entry(user).or_insert_with(|| {
            let wanted_by = Vec::new();
            let (user, secret) = (user.clone(), secret.clone());
            (by, PlannedPassword { phase: record.phase, user, secret, wanted_by })
        });
        note(&mut planned.wanted_by, &record.element);
        if let Some(other) = with_hash(wishes, &planned.user) {
            let subject = format!("the password of `{user}`");
            let secret = format!("the secret `{secret}`");
            wrong.push(conflict(&subject, other, "a hash", by, &secret));
        }
        if planned.secret != secret {
            wrong.push(conflict(
                &format!("the password of `{user}`"),
                *first,
                &format!("the secret `{}`", planned.secret),
                by,
                &format!("the secret `{secret}`"),
            ));
        }
    }
    let mut passwords: Vec<_> = passwords.into_values().map(|(_, planned)| planned).collect();
    passwords.sort_by(|a, b| (a.phase, &a.user).cmp(&(b.phase, &b.user)));
    passwords
}

/// Who says the password of a user by its hash.
fn with_hash<'a>(wishes: &'a [WishRecord], name: &str) -> Option<By<'a>> {
    let record = wishes.iter().find(|record| match &record.wish {
        Wish::User(user) => user.name == name && user.password_hash.is_some(),
        _ => false,
    });
    record.map(By::of)
}

fn normal(user: &User) -> User {
    let mut user = user.clone();
    user.groups.sort();
    user.groups.dedup();
    let mut seen = std::collections::BTreeSet::new();
    user.authorized_keys.retain(|key| seen.insert(key.clone()));
    user
}

/// What two wishes for a user come to, when they do not contradict one another.
fn join(user: &mut User, more: &User) {
    user.uid = user.uid.or(more.uid);
    user.gid = user.gid.or(more.gid);
    user.home = user.home.take().or_else(|| more.home.clone());
    user.shell = user.shell.take().or_else(|| more.shell.clone());
    user.comment = user.comment.take().or_else(|| more.comment.clone());
    user.sudo = user.sudo.or(more.sudo);
    user.password_hash = user.password_hash.take().or_else(|| more.password_hash.clone());
    user.expires = user.expires.take().or_else(|| more.expires.clone());
    user.change_password |= more.change_password;
    user.groups.extend(more.groups.iter().cloned());
    user.authorized_keys.extend(more.authorized_keys.iter().cloned());
    *user = normal(user);
}

type Wanted<'a> = (By<'a>, &'a User);

fn contradictions(name: &str, wanted: &[Wanted<'_>], wrong: &mut Diagnostics) {
    let subject = format!("the user `{name}`");
    let mut check = |what: &str, value: &dyn Fn(&User) -> Option<String>| {
        let mut said = wanted.iter().filter_map(|(by, user)| value(user).map(|v| (*by, v)));
        let Some((first, wants)) = said.next() else { return };
        if let Some((other, wants_other)) = said.find(|(_, v)| *v != wants) {
            wrong.push(conflict(
                &subject,
                first,
                &format!("{what} `{wants}`"),
                other,
                &format!("{what} `{wants_other}`"),
            ));
        }
    };
    check("the number", &|user| user.uid.map(|n| n.to_string()));
    check("the group number", &|user| user.gid.map(|n| n.to_string()));
    check("the home", &|user| user.home.clone());
    check("the shell", &|user| user.shell.clone());
    check("the comment", &|user| user.comment.clone());
    check("the rule of sudo", &|user| user.sudo.map(|sudo| sudo.name().to_owned()));
    check("the expiry", &|user| user.expires.clone());
    check("the password hash", &|user| user.password_hash.as_ref().map(|h| h.shown().to_owned()));
    check("the kind", &|user| {
        Some(if user.system { "system account" } else { "login account" }.to_owned())
    });
}

/// No number is wished for twice.
fn one_number_each(numbered: &BTreeMap<&str, (By<'_>, u32)>, what: &str, wrong: &mut Diagnostics) {
    let mut owners: BTreeMap<u32, (&str, By<'_>)> = BTreeMap::new();
    for (name, (by, number)) in numbered {
        if let Some((other, other_by)) = owners.insert(*number, (name, *by)) {
            let subject = format!("the {what} number {number}");
            wrong.push(conflict(
                &subject,
                other_by,
                &format!("it for `{other}`"),
                *by,
                &format!("it for `{name}`"),
            ));
        }
    }
}
