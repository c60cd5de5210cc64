//! One commit of a git repository, by the builder's `git`.
//!
//! A repository of its own for each, in the build's work folder; nothing of the machine's or the
//! person's configuration, no hook, no credential, no protocol but HTTP, no redirect (only the
//! host that was granted is asked), objects checked as they come. What a hostile server can have
//! it do is bounded: bytes of a file, memory, what it says.
//!
//! A library was looked at: `gix` brings some 150 crates for it, and its HTTP would be a second one
//! beside ours. `git` is what everybody's servers are tried with.

mod archive;

use std::path::{Path, PathBuf};

use dibhost_plan::remote;
use dibhost_sys::{Hold, Program, ProgramError, ProgramOutput};

use crate::error::FetchError;
use crate::outside::Outside;
use crate::store::Draft;
use crate::transit::Transit;

/// Where the wanted commit is in the repository.
const WANTED: &str = "refs/dib/wanted";
/// Of what `git` says: names of a few refs, and why it failed.
const SAID: usize = 64 << 10;
/// Memory of each of its processes, files mapped aside: objects of the size of
/// `core.bigFileThreshold` are unpacked in it.
const MEMORY: u64 = 2 << 30;
/// What a pack may be larger than the files in it.
const SLACK: u64 = 64 << 20;
/// How much more the whole history may be, where a server gives no commit without it.
const HISTORY: u64 = 8;

/// Nothing of `.gitattributes` is done to a file: the archive has what the commit has.
const ATTRIBUTES: &str = "* !export-subst !export-ignore !text !eol !crlf !ident !filter \
                          !working-tree-encoding\n";

/// What else a repository of ours says of itself.
const CONFIG: &str = "
[core]
	hooksPath = /dev/null
	attributesFile = /dev/null
	excludesFile = /dev/null
	fsmonitor = false
	bigFileThreshold = 64m
[fetch]
	fsckObjects = true
	unpackLimit = 1
	recurseSubmodules = false
[transfer]
	fsckObjects = true
	unpackLimit = 1
	bundleURI = false
[protocol]
	allow = never
[protocol \"https\"]
	allow = always
[protocol \"http\"]
	allow = always
[credential]
	helper =
[gc]
	auto = 0
[maintenance]
	auto = false
[pack]
	threads = 1
[http]
	followRedirects = false
";

/// A repository at a URL, and one of ours to take it to.
pub(crate) struct GitRepository<'a> {
    url: &'a str,
    outside: &'a Outside,
    transit: &'a Transit,
    folder: PathBuf,
}

impl<'a> GitRepository<'a> {
    /// An empty one in an empty folder; `hash`: as long as this one, if any.
    pub(crate) fn create(
        url: &'a str,
        commit: Option<&str>,
        outside: &'a Outside,
        transit: &'a Transit,
        folder: &Path,
    ) -> Result<Self, FetchError> {
        let folder = folder.join("repository.git");
        let this = Self { url, outside, transit, folder };
        let format = match commit.map(str::len) {
            Some(64) => "sha256",
            _ => "sha1",
        };
        let init = this.git(SLACK).args(["init", "--quiet", "--bare", "--template="]);
        let init = init.arg(format!("--object-format={format}")).arg(&this.folder);
        this.run(&init).map_err(|e| this.failed(e))?;
        this.configure().map_err(|e| FetchError::machine("making a git repository", e))?;
        Ok(this)
    }

    fn configure(&self) -> std::io::Result<()> {
        use std::io::Write as _;
        let at = self.folder.join("config");
        std::fs::OpenOptions::new().append(true).open(at)?.write_all(CONFIG.as_bytes())?;
        std::fs::create_dir_all(self.folder.join("info"))?;
        std::fs::write(self.folder.join("info/attributes"), ATTRIBUTES)
    }

    /// `git` in the surroundings that are ours alone; no file that it writes is larger than `most`.
    fn git(&self, most: u64) -> Program {
        let patience = self.outside.patience;
        let speed = patience.least / patience.window.as_secs().max(1);
        let mut program = Program::new("prlimit")
            .arg(format!("--fsize={}", most.saturating_add(SLACK)))
            .args(["--core=0", "git", "-c"])
            .arg(format!("http.lowSpeedLimit={speed}"))
            .arg("-c")
            .arg(format!("http.lowSpeedTime={}", patience.window.as_secs().max(1)))
            .env("GIT_DIR", &self.folder)
            // `.netrc` would be read there.
            .env("HOME", &self.folder)
            .env("XDG_CONFIG_HOME", &self.folder)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_ATTR_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ASKPASS", "/bin/false")
            .env("GIT_ALLOW_PROTOCOL", "https:http")
            .env("GIT_PROTOCOL_FROM_USER", "0")
            .says_at_most(SAID);
        let host = remote::host_of(self.url);
        for (https, variable) in [(true, "https_proxy"), (false, "http_proxy")] {
            if let Some(proxy) = self.outside.proxy_for(https, host) {
                program = program.env(variable, proxy);
            }
        }
        // The folder above is there before the repository is.
        let above = self.folder.parent().unwrap_or(&self.folder);
        let mut hold = Hold::new().network().write(above).memory(MEMORY);
        if let Some(certificates) = &self.outside.certificates {
            program = program.env("GIT_SSL_CAINFO", certificates);
            hold = hold.read(certificates);
        }
        program.held(hold)
    }

    fn run(&self, program: &Program) -> Result<ProgramOutput, ProgramError> {
        program.run(&self.transit.ended)
    }

    /// The commit that a branch or tag is now.
    pub(crate) fn resolve(&self, revision: &str) -> Result<String, FetchError> {
        let names = match revision.starts_with("refs/") || revision == "HEAD" {
            true => vec![revision.to_owned()],
            false => vec![format!("refs/heads/{revision}"), format!("refs/tags/{revision}")],
        };
        let peeled = |name: &String| format!("{name}^{{}}");
        let patterns: Vec<String> = names.iter().flat_map(|n| [n.clone(), peeled(n)]).collect();
        let program = self.git(SLACK).args(["ls-remote", "--quiet", "--", self.url]);
        let said = self.run(&program.args(patterns)).map_err(|e| self.failed(e))?;
        let text = said.text();
        let lines = text.lines().filter_map(|line| line.split_once('\t'));
        let refs: Vec<(&str, &str)> = lines.filter(|(hash, _)| remote::is_commit(hash)).collect();
        let hash_of = |name: &str| refs.iter().find(|(_, n)| *n == name).map(|(hash, _)| *hash);
        // What a tag with a message names comes after it, and is what counts.
        let mut found: Vec<&str> =
            names.iter().filter_map(|n| hash_of(&peeled(n)).or(hash_of(n))).collect();
        found.dedup();
        match found[..] {
            [one] => Ok(one.to_owned()),
            [] => Err(FetchError::NoRevision {
                url: self.url.to_owned(),
                what: "branch or tag",
                revision: revision.to_owned(),
            }),
            _ => Err(FetchError::Ambiguous {
                url: self.url.to_owned(),
                revision: revision.to_owned(),
            }),
        }
    }

    /// Takes one commit here, and what it consists of.
    fn fetch(&self, commit: &str, most: u64) -> Result<(), FetchError> {
        let fetch = |most| {
            let quiet = ["--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance"];
            self.git(most).arg("fetch").args(quiet)
        };
        let one = fetch(most).args(["--depth=1", "--", self.url]).arg(format!("{commit}:{WANTED}"));
        match self.run(&one) {
            Ok(_) => return Ok(()),
            Err(error) if !gives_whole_branches_only(&error) => return Err(self.failed(error)),
            Err(_) => {}
        }
        let all = fetch(most.saturating_mul(HISTORY)).args(["--", self.url]);
        let all = all.args(["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"]);
        self.run(&all).map_err(|e| self.failed(e))?;
        let name = self.git(SLACK).args(["update-ref", WANTED, commit]);
        self.run(&name).map(drop).map_err(|e| match e {
            ProgramError::Failed { .. } => self.no_commit(commit),
            other => self.failed(other),
        })
    }

    /// Writes the files of a commit as a tar archive.
    pub(crate) fn archive(
        &self,
        commit: &str,
        most: u64,
        draft: &mut Draft,
    ) -> Result<(), FetchError> {
        self.fetch(commit, most)?;
        let kind = self.git(SLACK).args(["rev-parse", "--verify", "--quiet", "--end-of-options"]);
        let kind = kind.arg(format!("{WANTED}^{{commit}}"));
        let is = self.run(&kind).map_err(|e| match e {
            ProgramError::Failed { .. } => self.no_commit(commit),
            other => self.failed(other),
        })?;
        // A tag has a hash too, and is no commit.
        if is.text().trim() != commit {
            return Err(self.no_commit(commit));
        }
        let raw = self.folder.with_file_name("raw.tar");
        let mut output = std::ffi::OsString::from("--output=");
        output.push(&raw);
        let pack = self.git(most).args(["archive", "--format=tar"]).arg(output).arg(commit);
        let packed = self.run(&pack);
        let too_large = || FetchError::TooLarge { url: self.url.to_owned(), most };
        // Itself, not what it leads to.
        let written = raw.symlink_metadata().map_or(0, |found| found.len());
        if written > most.saturating_add(SLACK / 2) {
            return Err(too_large());
        }
        packed.map_err(|e| self.failed(e))?;
        if !raw.symlink_metadata().is_ok_and(|found| found.is_file()) {
            let why = "`git archive` wrote no file".to_owned();
            return Err(FetchError::Unsound { url: self.url.to_owned(), why });
        }
        let file = std::fs::File::open(&raw)
            .map_err(|e| FetchError::machine("reading what `git archive` wrote", e))?;
        archive::write(file, &mut *draft, &mut || self.transit.check()).map_err(|e| match e {
            archive::Unwritten::Unsound(why) => {
                FetchError::Unsound { url: self.url.to_owned(), why }
            }
            archive::Unwritten::Ended(error) => error,
        })?;
        let _ = std::fs::remove_file(&raw);
        if draft.written() > most { Err(too_large()) } else { Ok(()) }
    }

    fn no_commit(&self, commit: &str) -> FetchError {
        FetchError::NoRevision {
            url: self.url.to_owned(),
            what: "commit",
            revision: commit.to_owned(),
        }
    }

    fn failed(&self, error: ProgramError) -> FetchError {
        let (url, passing) = (self.url.to_owned(), false);
        match error {
            ProgramError::Cancelled(_) => FetchError::Cancelled,
            ProgramError::Limit(why) => FetchError::Unreachable { url, why, passing },
            ProgramError::Start { source, .. } => {
                FetchError::machine("starting `prlimit` of the package `util-linux`", source)
            }
            ProgramError::Failed { stderr, .. } if stderr.contains("failed to execute git") => {
                FetchError::machine(
                    "fetching from a git repository",
                    "the program `git` is not there; install the package `git`",
                )
            }
            ProgramError::Failed { stderr, .. } if stderr.contains("not our ref") => {
                let why = said(&stderr);
                FetchError::Unreachable { url, why, passing }
            }
            ProgramError::Failed { stderr, status, .. } => {
                let why = said(&stderr);
                let why = if why.is_empty() { format!("`git` ended with {status}") } else { why };
                FetchError::Unreachable { url, why, passing }
            }
        }
    }
}

/// A server that has no single commits to give: an old one, or one that only serves files.
fn gives_whole_branches_only(error: &ProgramError) -> bool {
    let ProgramError::Failed { stderr, .. } = error else { return false };
    ["unadvertised object", "does not support shallow", "dumb http", "not our ref"]
        .iter()
        .any(|says| stderr.contains(says))
}

/// The lines of git that say why, as one.
fn said(stderr: &str) -> String {
    let lines = stderr.lines().map(str::trim).filter(|line| !line.is_empty());
    let lines: Vec<&str> = lines.rev().take(5).collect();
    let text = lines.into_iter().rev().collect::<Vec<_>>().join("; ");
    dibhost_text::harmless(&text, 600)
}
