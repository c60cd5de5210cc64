//! Accounts that elements wished for, made by the target's own tools, so that their rules
//! (next free id, skeleton files) are the distribution's.

use dibhost_check::Check;
use dibhost_plan::wish::User;
use dibhost_tree::{Attributes, Change, Command, Kind, Scope, Target, TargetError, TargetPath};
use zeroize::{Zeroize as _, Zeroizing};

use crate::links::link_on_the_way;

/// A line of the target's `/etc/passwd`.
struct Account {
    uid: String,
    gid: String,
    home: String,
}

/// Makes a group, unless it is there.
pub(crate) fn ensure_group(
    target: &mut dyn Target,
    name: &str,
    gid: Option<u32>,
) -> Result<(), TargetError> {
    let groups = read(target, "/etc/group")?;
    if let Some(line) = line_of(&groups, name) {
        // Members of it would be made by the number that was granted for this name.
        let there = line.split(':').nth(2).unwrap_or_default();
        return match gid.map(|gid| gid.to_string()).filter(|gid| gid != there) {
            None => Ok(()),
            Some(gid) => Err(TargetError::Conflict(format!(
                "the group `{name}` is in the image with the number `{there}`, and `{gid}` is wished for; wish for the group before whatever makes it, or for that number"
            ))),
        };
    }
    let mut args = Vec::new();
    if let Some(gid) = gid {
        args.extend(["--gid".to_owned(), gid.to_string()]);
    }
    args.extend(["--".to_owned(), name.to_owned()]);
    run(target, "groupadd", args)
}

/// Makes a user, or adds to one that is there.
pub(crate) fn ensure_user(target: &mut dyn Target, user: &User) -> Result<(), TargetError> {
    for group in &user.groups {
        ensure_group(target, group, None)?;
    }
    let mut args = Vec::new();
    let mut option = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            args.extend([format!("--{name}"), value]);
        }
    };
    let groups = (!user.groups.is_empty()).then(|| user.groups.join(","));
    option("comment", user.comment.clone());
    if let Some(there) = account(&read(target, "/etc/passwd")?, &user.name) {
        is_as_wished(user, &there)?;
        option("shell", user.shell.clone());
        if let Some(groups) = groups {
            args.extend(["--append".to_owned(), "--groups".to_owned(), groups]);
        }
        if !args.is_empty() {
            args.extend(["--".to_owned(), user.name.clone()]);
            run(target, "usermod", args)?;
        }
        return authorize(target, user);
    }
    if !user.system {
        let home = user.home.clone().unwrap_or_else(|| format!("/home/{}", user.name));
        is_no_link(target, &user.name, &home)?;
    }
    option("uid", user.uid.map(|uid| uid.to_string()));
    option("gid", user.gid.map(|gid| gid.to_string()));
    option("home-dir", user.home.clone());
    option("shell", Some(user.shell.clone().unwrap_or_else(|| default_shell(user.system))));
    option("groups", groups);
    args.push(if user.system { "--system" } else { "--create-home" }.to_owned());
    if user.gid.is_none() {
        args.push("--user-group".to_owned());
    }
    args.extend(["--".to_owned(), user.name.clone()]);
    run(target, "useradd", args)?;
    authorize(target, user)
}

/// What cannot be changed of a user that is there, because files already belong to it, is what the
/// wish says, or the build fails.
fn is_as_wished(user: &User, there: &Account) -> Result<(), TargetError> {
    let number = |wished: Option<u32>| wished.map(|number| number.to_string());
    for (what, wished, is) in [
        ("number", number(user.uid), &there.uid),
        ("group number", number(user.gid), &there.gid),
        ("home", user.home.clone(), &there.home),
    ] {
        if let Some(wished) = wished.filter(|wished| wished != is) {
            return Err(TargetError::Conflict(format!(
                "`{}` is in the image with the {what} `{is}`, and `{wished}` is wished for; wish for the user before whatever makes it, or for that {what}",
                user.name
            )));
        }
    }
    Ok(())
}

/// Sets a password by the target's own tool, which makes the kind of hash that its PAM takes. The
/// password goes by standard input, where no other process sees it.
pub(crate) fn set_password(
    target: &mut dyn Target,
    user: &str,
    password: &[u8],
) -> Result<(), TargetError> {
    let password = password.strip_suffix(b"\n").unwrap_or(password);
    let none = password.is_empty() || password.iter().any(|b| matches!(b, b'\n' | b'\r' | 0));
    if none && Check::PasswordLine.holds() {
        let said = "the secret is no password: it is empty, or more than one line";
        return Err(TargetError::Invalid(said.to_owned()));
    }
    let mut line = Zeroizing::new(format!("{user}:").into_bytes());
    line.extend_from_slice(password);
    line.push(b'\n');
    let mut command = Command {
        program: "chpasswd".to_owned(),
        stdin: Some(line.to_vec()),
        ..Command::default()
    };
    let done = expect_success(target, &command, &mut |_| {});
    command.stdin.zeroize();
    done
}

fn default_shell(system: bool) -> String {
    if system { "/usr/sbin/nologin" } else { "/bin/bash" }.to_owned()
}

/// `useradd` makes a home where its path leads, gives it to the user and fills it: not along a link,
/// which may have been put there to have it made elsewhere.
fn is_no_link(target: &mut dyn Target, user: &str, home: &str) -> Result<(), TargetError> {
    match link_on_the_way(target, home)?.filter(|_| Check::HostLinks.holds()) {
        None => Ok(()),
        Some((link, to)) => Err(TargetError::Conflict(format!(
            "`{home}` is to be the home of `{user}`, and `{link}` is a symbolic link to `{to}` in the image, and what the host itself writes goes through none"
        ))),
    }
}

/// Writes `authorized_keys`, which sshd takes only when nobody else can write it. A folder that is
/// there already is nobody's to give away: it stays as it is, or is refused where sshd would refuse
/// it.
fn authorize(target: &mut dyn Target, user: &User) -> Result<(), TargetError> {
    if user.authorized_keys.is_empty() {
        return Ok(());
    }
    let passwd = read(target, "/etc/passwd")?;
    let account = account(&passwd, &user.name).ok_or_else(|| {
        TargetError::NotFound(format!("user `{}` in the image's /etc/passwd", user.name))
    })?;
    let path = |text: &str| TargetPath::new(text).map_err(|e| TargetError::Invalid(e.to_string()));
    let folder = path(&format!("{}/.ssh", account.home))?;
    let file = path(&format!("{}/.ssh/authorized_keys", account.home))?;
    let there = target.stat(&Scope::own(), &folder)?;
    let there = there.filter(|stat| stat.kind == Kind::Directory && Check::HostOwns.holds());
    if let Some(stat) = &there {
        let others = account.uid != stat.uid.to_string() && stat.uid != 0;
        if others || stat.mode & 0o022 != 0 {
            let why = match others {
                true => format!("belongs to the user {} and not to `{}`", stat.uid, user.name),
                false => "can be written by others".to_owned(),
            };
            return Err(TargetError::Conflict(format!(
                "`{folder}` is in the image already and {why}: sshd would take no key from it, and the host gives away only what it made"
            )));
        }
    }
    let attributes = |mode| Attributes {
        mode: Some(mode),
        owner: Some(user.name.clone()),
        ..Attributes::default()
    };
    let mut content = user.authorized_keys.join("\n").into_bytes();
    content.push(b'\n');
    let own = match there {
        Some(_) => Attributes::default(),
        None => attributes(0o700),
    };
    let changes = [
        Change::MakeDirectory { path: folder, attributes: own },
        Change::Write { path: file, content, attributes: attributes(0o600) },
    ];
    target.apply(&Scope::own(), &changes)
}

/// The line of an account file that is this name's.
fn line_of<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find(|line| line.split(':').next() == Some(name))
}

fn account(passwd: &str, name: &str) -> Option<Account> {
    let line = line_of(passwd, name)?;
    let field = |n| line.split(':').nth(n).map(str::to_owned);
    Some(Account { uid: field(2)?, gid: field(3)?, home: field(5)? })
}

fn read(target: &mut dyn Target, file: &str) -> Result<String, TargetError> {
    let path = TargetPath::new(file).map_err(|e| TargetError::Invalid(e.to_string()))?;
    // Account files of an image are a few KiB.
    match target.read(&Scope::all(), &path, 0, 1 << 20) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(TargetError::NotFound(_)) => Ok(String::new()),
        Err(error) => Err(error),
    }
}

fn run(target: &mut dyn Target, program: &str, args: Vec<String>) -> Result<(), TargetError> {
    let command = Command { program: program.to_owned(), args, ..Command::default() };
    expect_success(target, &command, &mut |_| {})
}

/// Runs a program of the host's choosing in the target; a status that is not 0 is an error.
pub(crate) fn expect_success(
    target: &mut dyn Target,
    command: &Command,
    line: &mut dyn FnMut(dibhost_tree::Line),
) -> Result<(), TargetError> {
    let output = target.exec(command, line)?;
    if output.status == 0 {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(TargetError::Conflict(format!(
        "`{} {}` in the image ended with status {}: {}",
        command.program,
        command.args.join(" "),
        output.status,
        said.trim()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use dibhost_tree::{Output, SimulatedTarget, Tree as _};

    /// A tree with a user in it, to whom keys are given.
    fn authorized(changes: &[Change]) -> (Result<(), TargetError>, SimulatedTarget) {
        let answers = Box::new(|_: &_, _: &mut dyn FnMut(_)| Ok(Output::default()));
        let mut target = SimulatedTarget::new(0, answers).unwrap();
        let passwd = "eve:x:1234:1234::/home/eve:/bin/sh\n".as_bytes().to_vec();
        let passwd = Change::Write {
            path: path("/etc/passwd"),
            content: passwd,
            attributes: Attributes::default(),
        };
        let before = [folder("/etc", None, None), passwd, folder("/home/eve", None, None)];
        target.apply(&Scope::all(), &[&before[..], changes].concat()).unwrap();
        let user = User {
            name: "eve".to_owned(),
            authorized_keys: vec!["ssh-ed25519 AAAA".to_owned()],
            ..User::default()
        };
        (ensure_user(&mut target, &user), target)
    }

    fn path(text: &str) -> TargetPath {
        TargetPath::new(text).unwrap()
    }

    fn folder(at: &str, owner: Option<&str>, mode: Option<u32>) -> Change {
        let attributes =
            Attributes { mode, owner: owner.map(str::to_owned), ..Attributes::default() };
        Change::MakeDirectory { path: path(at), attributes }
    }

    fn mode(target: &mut SimulatedTarget, at: &str) -> u32 {
        target.stat(&Scope::all(), &path(at)).unwrap().unwrap().mode
    }

    #[test]
    fn keys_are_put_where_the_home_is_and_not_where_a_link_of_it_leads() {
        let link = Change::Symlink { path: path("/home/eve/.ssh"), to: "/etc".to_owned() };
        let (done, mut target) = authorized(&[link]);
        let said = done.unwrap_err().to_string();
        assert!(said.contains("`/home/eve/.ssh` is a symbolic link to `/etc`"), "{said}");
        assert_eq!(mode(&mut target, "/etc"), 0o755);

        let moved = [
            folder("/srv/of-another", None, None),
            Change::Remove { path: path("/home/eve") },
            Change::Symlink { path: path("/home/eve"), to: "/srv/of-another".to_owned() },
        ];
        let (done, mut target) = authorized(&moved);
        assert!(done.unwrap_err().to_string().contains("`/home/eve` is a symbolic link"));
        assert!(target.stat(&Scope::all(), &path("/srv/of-another/.ssh")).unwrap().is_none());
    }

    #[test]
    fn a_folder_that_is_there_is_given_to_nobody() {
        // What it has is left to it, where sshd takes it as it is.
        let (done, mut target) = authorized(&[folder("/home/eve/.ssh", None, Some(0o755))]);
        done.unwrap();
        assert_eq!(mode(&mut target, "/home/eve/.ssh"), 0o755);
        assert_eq!(mode(&mut target, "/home/eve/.ssh/authorized_keys"), 0o600);
        let (done, _) = authorized(&[folder("/home/eve/.ssh", None, Some(0o777))]);
        assert!(done.unwrap_err().to_string().contains("can be written by others"));
        if dibhost_sys::is_root() {
            let (done, _) = authorized(&[folder("/home/eve/.ssh", Some("99"), None)]);
            let said = done.unwrap_err().to_string();
            assert!(said.contains("belongs to the user 99 and not to `eve`"), "{said}");
        }
    }

    #[test]
    fn a_group_that_is_there_has_the_number_that_is_wished_for() {
        let answers = Box::new(|_: &_, _: &mut dyn FnMut(_)| Ok(Output::default()));
        let mut target = SimulatedTarget::new(0, answers).unwrap();
        let content = b"sudo:x:27:\neve:x:1000:\n".to_vec();
        let attributes = Attributes::default();
        let group = Change::Write { path: path("/etc/group"), content, attributes };
        target.apply(&Scope::all(), &[folder("/etc", None, None), group]).unwrap();
        ensure_group(&mut target, "eve", Some(1000)).unwrap();
        ensure_group(&mut target, "eve", None).unwrap();
        let said = ensure_group(&mut target, "eve", Some(27)).unwrap_err().to_string();
        assert!(said.contains("with the number `1000`, and `27` is wished for"), "{said}");
    }

    #[test]
    fn a_home_is_made_along_no_link() {
        let answers = Box::new(|_: &_, _: &mut dyn FnMut(_)| Ok(Output::default()));
        let mut target = SimulatedTarget::new(0, answers).unwrap();
        let link = Change::Symlink { path: path("/home"), to: "/etc".to_owned() };
        target.apply(&Scope::all(), &[link]).unwrap();
        let mut user = User { name: "eve".to_owned(), ..User::default() };
        let said = ensure_user(&mut target, &user).unwrap_err().to_string();
        assert!(said.contains("`/home` is a symbolic link to `/etc`"), "{said}");
        user.home = Some("/srv/eve".to_owned());
        ensure_user(&mut target, &user).unwrap();
    }

    #[test]
    fn a_home_is_the_sixth_field() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\ndebian:x:1000:1000::/home/debian:/bin/sh\n";
        assert_eq!(account(passwd, "debian").unwrap().home, "/home/debian");
        assert!(account(passwd, "deb").is_none());
    }

    #[test]
    fn who_is_there_is_as_wished_or_told_with_both() {
        let passwd = "www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\n";
        let there = account(passwd, "www-data").unwrap();
        let user = |uid, home: Option<&str>| User {
            name: "www-data".to_owned(),
            uid,
            home: home.map(str::to_owned),
            ..User::default()
        };
        for same in [user(None, None), user(Some(33), Some("/var/www"))] {
            assert_eq!(is_as_wished(&same, &there), Ok(()));
        }
        let said = is_as_wished(&user(Some(1000), None), &there).unwrap_err().to_string();
        assert!(said.contains("with the number `33`, and `1000` is wished for"), "{said}");
        assert!(is_as_wished(&user(None, Some("/srv")), &there).is_err());
    }
}
