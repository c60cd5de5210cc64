//! A line of `source-repository-*`: `NAME TYPE DESTINATION LOCATION [REF]`.

use std::collections::BTreeMap;

use dibhost_element_sdk::names;

use crate::variables::expanded;

/// Variables by name.
pub(crate) type Variables = BTreeMap<String, String>;

/// One source and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Repository {
    pub(crate) name: String,
    pub(crate) destination: String,
    pub(crate) location: String,
    pub(crate) kind: Kind,
}

/// What is at the location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A git repository: a commit, branch or tag.
    Git(String),
    /// A tar archive, without so many folders at the front of each name.
    Tar(u32),
    /// A file.
    File,
}

/// Made anew at every boot, or everything.
const NOT_KEPT: [&str; 5] = ["/", "/dev", "/proc", "/run", "/sys"];

impl Repository {
    /// Takes a line apart. Variables in it are set, and `DIB_REPOTYPE_NAME`, `DIB_REPOLOCATION_NAME`
    /// and `DIB_REPOREF_NAME` come before what it says. None: it is of packages, which are installed
    /// by their own element.
    ///
    /// # Errors
    /// One sentence without a full stop.
    pub(crate) fn parse(line: &str, variables: &Variables) -> Result<Option<Self>, String> {
        let line = expanded(line, variables)?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let (name, kind, destination, location, reference) = match words[..] {
            [name, kind, destination, location] => (name, kind, destination, location, None),
            [name, kind, destination, location, reference] => {
                (name, kind, destination, location, Some(reference))
            }
            _ => {
                return Err(format!(
                    "`{}` is not `NAME TYPE DESTINATION LOCATION [REF]`",
                    line.escape_debug()
                ));
            }
        };
        let variable = |what: &str| {
            let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
            let name: String = name.chars().map(plain).collect();
            variables.get(&format!("DIB_REPO{what}_{name}")).map(String::as_str)
        };
        let kind = variable("TYPE").unwrap_or(kind);
        let location = variable("LOCATION").unwrap_or(location);
        let reference = variable("REF").or(reference);
        if kind == "package" {
            return Ok(None);
        }
        if !names::is_plain_path(destination)
            || NOT_KEPT.iter().any(|top| destination == *top || is_below(destination, top))
        {
            return Err(format!(
                "`{name}` goes to `{}`, which is no path of the image that stays",
                destination.escape_debug()
            ));
        }
        if !is_url(location) {
            return Err(format!(
                "`{name}` is at `{}`, and sources are fetched from `https:` and `http:`",
                location.escape_debug()
            ));
        }
        if authority(location).contains('@') {
            // Not to be told: it is a password.
            return Err(format!(
                "`{name}` is at an address with a user in it, which would be in the image"
            ));
        }
        let kind = match (kind, reference) {
            ("git", Some("*")) => {
                return Err(format!("`{name}` wants all of a git repository: name one branch"));
            }
            ("git", reference) => {
                let reference = reference.unwrap_or("master");
                if !names::is_word(reference, "._/+-") {
                    let odd = reference.escape_debug();
                    return Err(format!(
                        "`{name}` wants `{odd}`, which is no branch, tag or commit"
                    ));
                }
                Kind::Git(reference.to_owned())
            }
            ("tar", None | Some(".")) => Kind::Tar(0),
            ("tar", Some("*")) => Kind::Tar(1),
            ("tar", Some(folder)) => {
                return Err(format!(
                    "`{name}` wants the folder `{}` of an archive: `.` takes all of it, `*` what \
                     is in its folders",
                    folder.escape_debug()
                ));
            }
            ("file", _) => Kind::File,
            (kind, _) => {
                return Err(format!(
                    "`{name}` is of the type `{}`: there are `git`, `tar`, `file` and `package`",
                    kind.escape_debug()
                ));
            }
        };
        let (destination, location) = (destination.to_owned(), location.to_owned());
        Ok(Some(Self { name: name.to_owned(), destination, location, kind }))
    }

    /// Of git: whether a branch or tag is named, and no commit.
    pub(crate) fn moves(&self) -> bool {
        let Kind::Git(reference) = &self.kind else { return false };
        !(matches!(reference.len(), 40 | 64) && reference.bytes().all(|b| b.is_ascii_hexdigit()))
    }
}

fn is_below(path: &str, folder: &str) -> bool {
    folder != "/" && path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

fn is_url(location: &str) -> bool {
    let rest = location.strip_prefix("https://").or_else(|| location.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        rest.starts_with(|c: char| c.is_ascii_alphanumeric())
            && rest.chars().all(|c| c.is_ascii_graphic() && !"\"'`\\<>".contains(c))
    })
}

/// A URL's host, with what stands around it.
fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Result<Option<Repository>, String> {
        let variables = [
            ("MIRROR", "https://mirror.example"),
            ("DIB_REPOREF_my_tool", "stable/2"),
            ("DIB_REPOLOCATION_moved", "https://elsewhere.example/moved.git"),
            ("DIB_REPOTYPE_packaged", "package"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Repository::parse(line, &variables.into())
    }

    fn kind(line: &str) -> Kind {
        of(line).unwrap().unwrap().kind
    }

    #[test]
    fn a_line_says_what_comes_from_where_to_where() {
        let read = of("ironic git /opt/ironic https://example.org/ironic.git").unwrap().unwrap();
        assert_eq!(
            read,
            Repository {
                name: "ironic".to_owned(),
                destination: "/opt/ironic".to_owned(),
                location: "https://example.org/ironic.git".to_owned(),
                kind: Kind::Git("master".to_owned()),
            }
        );
        assert!(read.moves());
        let commit = "0123456789012345678901234567890123456789";
        let read = of(&format!("a git /opt/a https://e.org/a {commit}")).unwrap().unwrap();
        assert!(!read.moves());
        assert_eq!(kind("a tar /opt/a https://e.org/a.tar.gz"), Kind::Tar(0));
        assert_eq!(kind("a tar /opt/a https://e.org/a.tar.gz *"), Kind::Tar(1));
        assert_eq!(kind("a file /opt/a ${MIRROR}/a"), Kind::File);
        assert_eq!(of("a package /opt/a https://e.org/a"), Ok(None));
    }

    #[test]
    fn variables_come_before_what_the_line_says() {
        assert_eq!(kind("my-tool git /opt/t https://e.org/t x"), Kind::Git("stable/2".to_owned()));
        let moved = of("moved git /opt/m https://e.org/m").unwrap().unwrap();
        assert_eq!(moved.location, "https://elsewhere.example/moved.git");
        assert_eq!(of("packaged git /opt/p https://e.org/p"), Ok(None));
    }

    #[test]
    fn what_cannot_be_fetched_or_placed_is_refused() {
        for (line, says) in [
            ("a git /opt/a", "is not `NAME TYPE"),
            ("a git /opt/a https://e.org/a b c", "is not `NAME TYPE"),
            ("a git opt/a https://e.org/a", "no path of the image"),
            ("a git /opt/../etc https://e.org/a", "no path of the image"),
            ("a git / https://e.org/a", "no path of the image"),
            ("a git /run/a https://e.org/a", "no path of the image"),
            ("a git /opt/a git://e.org/a", "`https:` and `http:`"),
            ("a git /opt/a file:///etc/shadow", "`https:` and `http:`"),
            ("a git /opt/a https://-oProxyCommand=x/", "`https:` and `http:`"),
            ("a git /opt/a https://me:secret@e.org/a", "with a user in it"),
            ("a git /opt/a https://e.org/a *", "all of a git repository"),
            ("a git /opt/a https://e.org/a --upload-pack=x", "no branch, tag or commit"),
            ("a tar /opt/a https://e.org/a sub/folder", "the folder `sub/folder`"),
            ("a svn /opt/a https://e.org/a", "the type `svn`"),
            ("a file /opt/a $NOBODY/a", "`NOBODY`"),
        ] {
            let wrong = of(line).unwrap_err();
            assert!(wrong.contains(says) && !wrong.contains("secret@"), "{line}: {wrong}");
        }
    }
}
