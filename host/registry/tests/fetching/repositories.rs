//! Commits of git repositories, by git's own server and by plain files.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::process::Command;
use std::time::{Duration, Instant};

use dibhost_registry::{FetchError, Outside};

use crate::bench::{Bench, MOST, SOON, digest, patient};
use crate::server::{Authority, Proxy, Server, files, git, redirect};

/// A repository in a folder, `repository`, with a branch `main`.
pub struct Repository {
    pub folder: tempfile::TempDir,
}

impl Repository {
    pub fn new() -> Self {
        let this = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::create_dir(this.path()).unwrap();
        this.git(&["init", "--quiet", "--initial-branch=main"]);
        this
    }

    pub fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("repository")
    }

    pub fn git(&self, args: &[&str]) -> String {
        let output = Command::new("git")
            .args(args)
            .current_dir(self.path())
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .envs(["AUTHOR", "COMMITTER"].into_iter().flat_map(|who| {
                [
                    (format!("GIT_{who}_NAME"), "A"),
                    (format!("GIT_{who}_EMAIL"), "a@example.org"),
                    (format!("GIT_{who}_DATE"), "1700000000 +0000"),
                ]
            }))
            .output()
            .unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Writes files and commits them; answers the commit.
    pub fn commit(&self, files: &[(&str, &str)], message: &str) -> String {
        for (name, content) in files {
            let path = self.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "-m", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    fn serve(&self) -> Server {
        let folder = self.folder.path().to_owned();
        Server::start(move |request, wire, _| git(&folder, request, wire))
    }
}

/// Names of an archive: mode and content.
fn entries(archive: &[u8]) -> BTreeMap<String, (u32, String)> {
    let mut archive = tar::Archive::new(archive);
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().display().to_string();
        let mut content = String::new();
        match entry.link_name().unwrap() {
            Some(to) => content = format!("-> {}", to.display()),
            None => drop(entry.read_to_string(&mut content).unwrap()),
        }
        assert_eq!(entry.header().uid().unwrap(), 0);
        assert_eq!(entry.header().mtime().unwrap(), 1_700_000_000);
        (name, (entry.header().mode().unwrap(), content))
    });
    entries.collect()
}

#[test]
fn a_commit_is_an_archive_of_its_files() {
    let repository = Repository::new();
    let program = repository.path().join("bin/run");
    std::fs::create_dir(program.parent().unwrap()).unwrap();
    std::fs::write(&program, "#!/bin/sh\n").unwrap();
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::os::unix::fs::symlink("bin/run", repository.path().join("link")).unwrap();
    let long = format!("{}/file", "long".repeat(40));
    let first = repository.commit(&[("file", "one\n"), (&long, "deep\n")], "first");
    let second = repository.commit(&[("file", "two\n")], "second");
    let server = repository.serve();
    let bench = Bench::new();

    assert_eq!(bench.resolve(&server.url("/repository"), "main").unwrap(), second);
    assert_eq!(bench.resolve(&server.url("/repository"), "HEAD").unwrap(), second);
    let fetched = bench.commit(&server.url("/repository"), &second, MOST).unwrap();
    assert_eq!(fetched.digest, digest(&fetched.content));
    let expected = [
        ("bin/", (0o755, "")),
        ("bin/run", (0o755, "#!/bin/sh\n")),
        ("file", (0o644, "two\n")),
        ("link", (0o777, "-> bin/run")),
        (&format!("{}/", "long".repeat(40)), (0o755, "")),
        (&long, (0o644, "deep\n")),
    ]
    .map(|(name, (mode, content))| (name.to_owned(), (mode, content.to_owned())));
    assert_eq!(entries(&fetched.content), expected.into());
    // One that no branch ends with, too.
    let before = bench.commit(&server.url("/repository"), &first, MOST).unwrap();
    assert_eq!(entries(&before.content)["file"].1, "one\n");

    // The same bytes, whoever makes them; and nobody is asked again.
    let other = Bench::new();
    assert_eq!(other.commit(&server.url("/repository"), &second, MOST).unwrap(), fetched);
    let url = server.url("/repository");
    drop(server);
    assert_eq!(bench.commit(&url, &second, MOST).unwrap(), fetched);
    assert_eq!(bench.names("work"), <[&str; 0]>::default());
    assert_eq!(bench.names("fetched").len(), 4, "two archives and two records");
}

#[test]
fn what_was_spoilt_in_the_store_is_fetched_anew() {
    let repository = Repository::new();
    let commit = repository.commit(&[("file", "text\n")], "first");
    let server = repository.serve();
    let bench = Bench::new();
    let url = server.url("/repository");
    let fetched = bench.commit(&url, &commit, MOST).unwrap();
    let asked = server.requests().len();
    std::fs::write(bench.kept(&fetched.digest), "nonsense").unwrap();
    assert_eq!(bench.commit(&url, &commit, MOST).unwrap(), fetched);
    assert!(server.requests().len() > asked);
    let record = bench.top.path().join(format!("fetched/git-1-{commit}"));
    std::fs::write(record, "sha256:nonsense").unwrap();
    assert_eq!(bench.commit(&url, &commit, MOST).unwrap(), fetched);
}

#[test]
fn names_are_resolved_to_the_commit_that_they_are() {
    let repository = Repository::new();
    let first = repository.commit(&[("file", "one\n")], "first");
    repository.git(&["tag", "light"]);
    repository.git(&["tag", "-a", "-m", "message", "v1"]);
    repository.git(&["branch", "both"]);
    repository.git(&["tag", "same"]);
    repository.git(&["branch", "same"]);
    let second = repository.commit(&[("file", "two\n")], "second");
    repository.git(&["tag", "both"]);
    let server = repository.serve();
    let bench = Bench::new();
    let url = server.url("/repository");
    for (name, commit) in [
        ("light", &first),
        ("v1", &first),
        ("same", &first),
        ("refs/heads/both", &first),
        ("refs/tags/both", &second),
        ("refs/heads/main", &second),
    ] {
        assert_eq!(bench.resolve(&url, name).unwrap(), *commit, "{name}");
    }
    let both = bench.resolve(&url, "both").unwrap_err();
    assert!(matches!(both, FetchError::Ambiguous { .. }), "{both}");
    assert!(both.help().unwrap().contains("refs/heads/NAME"));
    let none = bench.resolve(&url, "ain").unwrap_err().to_string();
    assert!(none.ends_with("has no branch or tag `ain`"), "{none}");
    // The tag itself has a hash too, and is none of a commit.
    let tag = repository.git(&["rev-parse", "v1"]);
    let error = bench.commit(&url, &tag, MOST).unwrap_err();
    assert!(matches!(error, FetchError::NoRevision { what: "commit", .. }), "{error}");
}

#[test]
fn nothing_that_the_files_say_changes_them() {
    let repository = Repository::new();
    let attributes = "[attr]odd export-ignore\nsecret export-ignore\nodd odd\nsubst export-subst\n\
                      crlf eol=crlf text\nident ident\nfilter filter=evil\nutf16 working-tree-encoding=UTF-16\n";
    let plain = [
        (".gitattributes", attributes),
        ("secret", "here\n"),
        ("odd", "here\n"),
        ("subst", "$Format:%H$\n"),
        ("crlf", "a\nb\n"),
        ("ident", "$Id$\n"),
        ("filter", "as it is\n"),
        ("folder/.gitattributes", "* export-ignore\n"),
        ("folder/file", "here\n"),
    ];
    let commit = repository.commit(&plain, "first");
    let server = repository.serve();
    let fetched = Bench::new().commit(&server.url("/repository"), &commit, MOST).unwrap();
    let there = entries(&fetched.content);
    for (name, content) in plain {
        assert_eq!(there.get(name).map(|(_, c)| c.as_str()), Some(content), "{name}");
    }
}

#[test]
fn a_submodule_is_an_empty_folder() {
    let repository = Repository::new();
    let commit = repository.commit(&[("file", "text\n")], "first");
    let link = format!("160000,{commit},module");
    repository.git(&["update-index", "--add", "--cacheinfo", &link]);
    repository.git(&["commit", "--quiet", "-m", "second"]);
    let second = repository.git(&["rev-parse", "HEAD"]);
    let server = repository.serve();
    let fetched = Bench::new().commit(&server.url("/repository"), &second, MOST).unwrap();
    let names: Vec<_> = entries(&fetched.content).into_keys().collect();
    assert_eq!(names, ["file", "module/"]);
    assert!(server.paths().iter().all(|path| path.starts_with("/repository/")));
}

#[test]
fn a_server_that_only_has_files_will_do() {
    let repository = Repository::new();
    let first = repository.commit(&[("file", "one\n")], "first");
    let second = repository.commit(&[("file", "two\n")], "second");
    repository.git(&["update-server-info"]);
    let folder = repository.path().join(".git");
    let server = Server::start(move |request, wire, _| files(&folder, request, wire));
    let bench = Bench::new();
    let url = server.url("");
    assert_eq!(bench.resolve(&url, "main").unwrap(), second);
    for (commit, text) in [(&second, "two\n"), (&first, "one\n")] {
        let fetched = bench.commit(&url, commit, MOST).unwrap();
        assert_eq!(entries(&fetched.content)["file"].1, text);
    }
    let error = bench.commit(&url, &"1".repeat(40), MOST).unwrap_err();
    assert!(matches!(error, FetchError::NoRevision { what: "commit", .. }), "{error}");
}

#[test]
fn a_repository_of_longer_hashes_will_do() {
    let repository = Repository::new();
    std::fs::remove_dir_all(repository.path().join(".git")).unwrap();
    repository.git(&["init", "--quiet", "--initial-branch=main", "--object-format=sha256"]);
    let commit = repository.commit(&[("file", "text\n")], "first");
    assert_eq!(commit.len(), 64);
    let server = repository.serve();
    let bench = Bench::new();
    assert_eq!(bench.resolve(&server.url("/repository"), "main").unwrap(), commit);
    let fetched = bench.commit(&server.url("/repository"), &commit, MOST).unwrap();
    assert_eq!(entries(&fetched.content)["file"].1, "text\n");
}

/// A tree of a tree of a tree …, each ten times the one below: a few hundred bytes that are a
/// million files.
#[test]
fn a_bomb_of_trees_ends_where_there_is_no_more_room() {
    let repository = Repository::new();
    repository.commit(&[("file", "text\n")], "first");
    let mut tree = repository.git(&["rev-parse", "HEAD^{tree}"]);
    for _ in 0..6 {
        let list = repository.path().join(".git/list");
        let lines: String = (0..10).map(|n| format!("040000 tree {tree}\td{n}\n")).collect();
        std::fs::write(&list, lines).unwrap();
        let script = format!("git mktree < {}", list.display());
        tree = repository.shell(&script);
    }
    let commit = repository.git(&["commit-tree", "-m", "bomb", &tree]);
    repository.git(&["update-ref", "refs/heads/main", &commit]);
    let server = repository.serve();
    let bench = Bench::new();
    let error = bench.commit(&server.url("/repository"), &commit, MOST).unwrap_err();
    assert!(matches!(error, FetchError::TooLarge { most: MOST, .. }), "{error}");
    bench.assert_nothing_left();
}

impl Repository {
    fn shell(&self, script: &str) -> String {
        let output = Command::new("sh").args(["-c", script]).current_dir(self.path()).output();
        String::from_utf8(output.unwrap().stdout).unwrap().trim().to_owned()
    }
}

#[test]
fn a_server_that_hangs_is_left_by_who_cancels() {
    let server = Server::start(|_, wire, going| {
        wire.write_all(b"HTTP/1.1 200 OK\r\n")?;
        wire.flush()?;
        while going.on() {
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    });
    for resolve in [true, false] {
        let bench = Bench::with(Outside::default());
        let cancel = bench.cancel.clone();
        let thrown = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(400));
            cancel.cancel();
            Instant::now()
        });
        let url = server.url("/repository");
        let error = match resolve {
            true => bench.resolve(&url, "main").unwrap_err(),
            false => bench.commit(&url, &"1".repeat(40), MOST).unwrap_err(),
        };
        let ended = Instant::now();
        assert!(matches!(error, FetchError::Cancelled), "{error}");
        assert!(ended.duration_since(thrown.join().unwrap()) < SOON);
        bench.assert_nothing_left();
    }
}

#[test]
fn git_goes_nowhere_else() {
    let repository = Repository::new();
    let commit = repository.commit(&[("file", "text\n")], "first");
    let bench = Bench::new();
    // Never asked for: a URL is judged before. Nor would git do it.
    for url in [
        format!("file://{}", repository.path().display()),
        "ext::sh -c touch% /tmp/owned".to_owned(),
        "ssh://127.0.0.1/x".to_owned(),
    ] {
        let error = bench.commit(&url, &commit, MOST).unwrap_err().to_string();
        assert!(error.contains("not allowed"), "{error}");
    }
    let served = repository.serve();
    let to = served.url("/repository/info/refs?service=git-upload-pack");
    let server = Server::start(move |_, wire, _| redirect(wire, &to));
    let error = bench.commit(&server.url("/repository"), &commit, MOST).unwrap_err();
    assert!(matches!(error, FetchError::Unreachable { .. }), "{error}");
    assert!(served.requests().is_empty());
    bench.assert_nothing_left();
}

#[test]
fn a_proxy_and_an_authority_of_the_builder_s_hold_for_git_too() {
    let repository = Repository::new();
    let commit = repository.commit(&[("file", "text\n")], "first");
    let folder = repository.folder.path().to_owned();
    let authority = Authority::new();
    let server =
        Server::tls(&authority, "127.0.0.1", move |request, wire, _| git(&folder, request, wire));
    let url = server.url("/repository");
    let stranger = Bench::new().commit(&url, &commit, MOST).unwrap_err().to_string();
    assert!(stranger.contains("certificate"), "{stranger}");
    let proxy = Proxy::start();
    let bench = Bench::with(Outside {
        https_proxy: Some(proxy.url()),
        certificates: Some(authority.file()),
        patience: patient(),
        ..Outside::default()
    });
    let fetched = bench.commit(&url, &commit, MOST).unwrap();
    assert_eq!(entries(&fetched.content)["file"].1, "text\n");
    assert!(!proxy.connected.lock().unwrap().is_empty());
}

/// Not a test of its own: what the next one starts, at a home of its own.
#[test]
fn fetches_a_commit_when_told_to() {
    let Ok(told) = std::env::var("DIBHOST_TEST_COMMIT") else { return };
    let (url, commit) = told.split_once(' ').unwrap();
    Bench::new().commit(url, commit, MOST).unwrap();
}

#[test]
fn nothing_of_the_person_s_own_configuration_counts() {
    let repository = Repository::new();
    let commit = repository.commit(&[("file", "text\n")], "first");
    let server = repository.serve();
    let home = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = home.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let config = "[url \"http://127.0.0.1:1/\"]\n\tinsteadOf = http://127.0.0.1\n\
                  [http]\n\textraHeader = Authorization: x\n";
    write(".gitconfig", config);
    write(".config/git/config", config);
    write(".netrc", "machine 127.0.0.1 login person password hunter2\n");
    let told = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "repositories::fetches_a_commit_when_told_to"])
        .env("HOME", home.path())
        .env("XDG_CONFIG_HOME", home.path().join(".config"))
        .env("GIT_CONFIG_GLOBAL", home.path().join(".gitconfig"))
        .env("GIT_CONFIG_COUNT", "1")
        .env("GIT_CONFIG_KEY_0", "http.extraHeader")
        .env("GIT_CONFIG_VALUE_0", "Authorization: y")
        .env("DIBHOST_TEST_COMMIT", format!("{} {commit}", server.url("/repository")))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&told.stdout);
    assert!(told.status.success() && said.contains("1 passed"), "{said}");
    assert!(!server.requests().is_empty());
    for request in server.requests() {
        assert_eq!(request.header("authorization"), None);
    }
}
