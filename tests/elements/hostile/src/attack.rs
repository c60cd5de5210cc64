//! The calls of a script.

use std::io::Read as _;
use std::mem::ManuallyDrop;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::bindings::dib::element::rootfs::{Change, Tree, WalkFlags};
use crate::bindings::dib::element::types::{Attributes, Error, NewFile, NewLink};
use crate::bindings::dib::element::{
    accounts, blobs, block_device, bootstrap, builder, cache, exec, facts, fetch, files, host,
    inputs, log, outputs, packages, rootfs, services,
};
use crate::refused;

/// The state of an attack: what it got so far.
pub struct Attack<'a> {
    build: &'a host::Build,
    program: &'a [u8],
    trees: Vec<Tree>,
    blobs: Vec<blobs::Blob>,
    spans: Vec<log::Span>,
    booty: String,
}

/// One call. What it works on is the last handle got; `{booty}` in it is what was got last.
#[derive(Deserialize)]
enum Call {
    // rootfs
    Open(String),
    Narrow(String),
    Read(String),
    Stat(String),
    Walk(String),
    Capture(String),
    Apply(Vec<Change>),
    ApplyMany(usize),
    /// So many links whose names begin so, in one call.
    Crowd {
        prefix: String,
        count: usize,
    },
    Place(String),
    Unpack(String),
    /// Writes the program that was put into the script.
    WriteProgram(String),
    // blobs
    Blob(Vec<u8>),
    BlobOf(usize),
    // exec
    /// Stopped when its output has `refused` in it.
    Exec {
        program: String,
        args: Vec<String>,
        #[serde(default)]
        env: Vec<(String, String)>,
        #[serde(default)]
        network: bool,
        #[serde(default)]
        refused: Option<String>,
    },
    // facts
    Provide {
        slot: String,
        key: String,
        value: String,
    },
    ProvideLong {
        slot: String,
        bytes: usize,
    },
    Consume(String),
    /// Stopped when a fact of the slot comes from anybody else.
    ComesFrom {
        slot: String,
        provider: String,
    },
    // wishes
    Packages(Vec<packages::Wish>),
    Answers(Vec<packages::Answer>),
    Repository(packages::DebRepository),
    RpmRepository(packages::RpmRepository),
    Module(packages::Module),
    PackageGroup(packages::Group),
    UpgradeAll,
    Unit {
        name: String,
        content: String,
    },
    UnitState(String),
    DropIn(services::DropIn),
    Preset(services::Preset),
    Files(Vec<files::Wish>),
    /// The last blob as a file that is wished for.
    PlaceFile(String),
    User(accounts::User),
    Group {
        name: String,
        gid: Option<u32>,
    },
    Nodes(Vec<block_device::Node>),
    ReadNodes,
    Bootstrap(bootstrap::Source),
    // the builder
    Keys,
    Proxies,
    Parameter(String),
    Secret(String),
    PlaceSecret {
        parameter: String,
        path: String,
    },
    /// A secret as the password of a user.
    SetPassword {
        user: String,
        parameter: String,
    },
    /// All files of an input of the definition.
    Input(String),
    // what stays
    Emit(String),
    CachePut {
        key: String,
        content: String,
    },
    /// So many bytes of an entry.
    CachePutOf {
        key: String,
        bytes: usize,
    },
    CacheGet(String),
    Fetch(String),
    FetchCommit {
        url: String,
        revision: String,
    },
    // words
    Log(String),
    LogFields(Vec<(String, String)>),
    Print(String),
    Span(String),
    Fail(String),
    // what a guest of std finds
    Variable(String),
    HostFile(String),
    // the machine
    Spin {
        turns: u64,
    },
    Allocate(usize),
    Recurse,
    /// A handle that nobody gave.
    ForgedTree(u32),
    /// A handle of a tree that is used as a blob.
    WrongHandle,
    UseAfterDrop,
    /// A string that begins in this element's memory and ends far beyond it.
    StringBeyondMemory,
    /// A short list whose elements are all the same long string.
    Amplify {
        times: usize,
        bytes: usize,
    },
    Panic(String),
    // the script
    Repeat {
        times: usize,
        call: Value,
    },
    Try(Value),
}

impl<'a> Attack<'a> {
    pub fn new(build: &'a host::Build, program: &'a [u8]) -> Self {
        let (trees, blobs, spans) = (Vec::new(), Vec::new(), Vec::new());
        Self { build, program, trees, blobs, spans, booty: String::new() }
    }

    /// What the attack got, for the test to see.
    pub fn booty(&self) -> &str {
        &self.booty
    }

    pub fn make(&mut self, call: &Value) -> Result<(), Error> {
        match parsed(self.with_booty(call)?)? {
            Call::Open(path) => self.trees.push(rootfs::open(&path)?),
            Call::Narrow(path) => {
                let tree = self.tree()?.narrow(&path)?;
                self.trees.push(tree);
            }
            Call::Read(path) => {
                let content = self.tree()?.read(&path, 0, 0)?;
                self.got(&String::from_utf8_lossy(&content));
            }
            Call::Stat(path) => {
                let stat = self.tree()?.stat(&path)?;
                self.got(&format!("{stat:?}"));
            }
            Call::Walk(path) => {
                let entries = self.tree()?.walk(&path, WalkFlags::RECURSIVE, None)?;
                let paths: Vec<_> = entries.iter().map(|e| e.path.as_str()).collect();
                self.got(&paths.join(" "));
            }
            Call::Capture(path) => {
                let blob = self.tree()?.capture(&path)?;
                self.blobs.push(blob);
            }
            Call::Apply(changes) => self.tree()?.apply(&changes)?,
            Call::ApplyMany(count) => {
                let changes: Vec<_> = (0..count).map(|_| Change::Remove("/none".into())).collect();
                self.tree()?.apply(&changes)?;
            }
            Call::Crowd { prefix, count } => {
                let link = |n| {
                    let path = format!("{prefix}{n}");
                    Change::Symlink(NewLink { path, to: "x".to_owned(), extensions: Vec::new() })
                };
                let changes: Vec<_> = (0..count).map(link).collect();
                self.tree()?.apply(&changes)?;
            }
            Call::Place(path) => self.tree()?.place(self.blob()?, &path, &plain(0o644))?,
            Call::Unpack(path) => self.tree()?.unpack(self.blob()?, &path, 0)?,
            Call::WriteProgram(path) => {
                let content = self.program.to_vec();
                let file = NewFile { path, content, attributes: plain(0o755) };
                self.tree()?.apply(&[Change::Write(file)])?;
            }
            Call::Blob(content) => self.blobs.push(blobs::from_bytes(&content)?),
            Call::BlobOf(bytes) => self.blobs.push(blobs::from_bytes(&vec![0; bytes])?),
            Call::Exec { program, args, env, network, refused: refusal } => {
                let mut settings = exec::Settings::CAPTURE;
                settings.set(exec::Settings::NETWORK, network);
                let output = exec::run(&exec::Command {
                    program,
                    args,
                    env,
                    workdir: None,
                    stdin: None,
                    settings,
                    timeout_seconds: None,
                    extensions: Vec::new(),
                })?;
                let said = String::from_utf8_lossy(&output.stdout).into_owned();
                if refusal.is_some_and(|words| said.contains(&words)) {
                    let lines: Vec<_> = said.lines().collect();
                    return Err(refused(format!("the program got `{}`", lines.join("; "))));
                }
                self.got(&said);
            }
            Call::Provide { slot, key, value } => facts::provide(&slot, &key, &value)?,
            Call::ProvideLong { slot, bytes } => {
                facts::provide(&slot, "", &format!("\"{}\"", "x".repeat(bytes)))?;
            }
            Call::Consume(slot) => {
                let facts = facts::consume(&slot)?;
                self.got(&format!("{facts:?}"));
            }
            Call::ComesFrom { slot, provider } => {
                for fact in facts::consume(&slot)? {
                    if fact.provider != provider {
                        let real = fact.provider;
                        return Err(refused(format!("`{slot}` is `{real}`'s, not `{provider}`'s")));
                    }
                    self.got(&format!("{fact:?}"));
                }
            }
            Call::Packages(wishes) => packages::request(&wishes)?,
            Call::Answers(answers) => packages::debconf(&answers)?,
            Call::Repository(wanted) => packages::add_deb_repository(&wanted)?,
            Call::RpmRepository(wanted) => packages::add_rpm_repository(&wanted)?,
            Call::Module(module) => packages::enable_module(&module)?,
            Call::PackageGroup(group) => packages::install_group(&group)?,
            Call::UpgradeAll => packages::upgrade_all()?,
            Call::Unit { name, content } => services::define(&name, &content)?,
            Call::UnitState(name) => services::set(&name, "enabled")?,
            Call::DropIn(drop_in) => services::add_drop_in(&drop_in)?,
            Call::Preset(preset) => services::add_preset(&preset)?,
            Call::Files(wishes) => files::request(&wishes)?,
            Call::PlaceFile(path) => files::place(self.blob()?, &path, &plain(0o644))?,
            Call::User(user) => accounts::ensure_user(&user)?,
            Call::Group { name, gid } => accounts::ensure_group(&name, gid)?,
            Call::Nodes(nodes) => block_device::add(&nodes)?,
            Call::ReadNodes => {
                let nodes = block_device::nodes()?;
                self.got(&format!("{nodes:?}"));
            }
            Call::Bootstrap(source) => bootstrap::create(&source)?,
            Call::Keys => {
                let keys = builder::authorized_keys()?;
                self.got(&keys.join(" "));
            }
            Call::Proxies => {
                let proxies = builder::proxies()?;
                self.got(&format!("{proxies:?}"));
            }
            Call::Parameter(name) => {
                let value = self.build.parameter(&name)?;
                self.got(&format!("{value:?}"));
            }
            Call::Secret(name) => {
                let secret = self.build.secret(&name)?;
                let opened = secret.map(|s| s.open()).transpose()?;
                self.got(&String::from_utf8_lossy(&opened.unwrap_or_default()));
            }
            Call::PlaceSecret { parameter, path } => {
                let secret = self.build.secret(&parameter)?;
                let secret = secret.ok_or_else(|| refused("there is no secret".into()))?;
                self.tree()?.write_secret(&path, &secret, &plain(0o644))?;
            }
            Call::SetPassword { user, parameter } => {
                let secret = self.build.secret(&parameter)?;
                let secret = secret.ok_or_else(|| refused("there is no secret".into()))?;
                accounts::set_password(&user, &secret)?;
            }
            Call::Input(name) => {
                let input = inputs::open(&name)?;
                let mut all = String::new();
                for node in input.nodes(None)?.iter().filter(|node| node.kind == "file") {
                    all += &String::from_utf8_lossy(&input.read(&node.path, 0, 0)?);
                }
                self.got(&all);
            }
            Call::Emit(suffix) => outputs::emit(&suffix, self.blob()?)?,
            Call::CachePut { key, content } => {
                cache::put(&key, content.as_bytes())?;
            }
            Call::CachePutOf { key, bytes } => {
                cache::put(&key, &vec![0; bytes])?;
            }
            Call::CacheGet(key) => {
                let found = cache::get(&key)?;
                let content = found.map(|b| b.read(0, 1000)).transpose()?;
                self.got(&String::from_utf8_lossy(&content.unwrap_or_default()));
            }
            Call::Fetch(url) => {
                let blob = fetch::get(&url, None)?;
                self.blobs.push(blob);
            }
            Call::FetchCommit { url, revision } => {
                let blob = fetch::git(&url, &revision)?;
                self.blobs.push(blob);
            }
            Call::Log(message) => log::write(log::Level::Info, &message, &[]),
            Call::LogFields(fields) => log::write(log::Level::Info, "fields", &fields),
            Call::Print(text) => println!("{text}"),
            Call::Span(name) => self.spans.push(log::Span::new(&name)),
            Call::Fail(message) => return Err(refused(message)),
            Call::Variable(name) => {
                let value = std::env::var(&name).map_err(|e| refused(format!("`{name}`: {e}")))?;
                self.got(&value);
            }
            Call::HostFile(path) => {
                let mut text = String::new();
                std::fs::File::open(&path)
                    .and_then(|mut file| file.read_to_string(&mut text))
                    .map_err(|e| refused(format!("opening `{path}` by WASI: {e}")))?;
                self.got(&text);
            }
            Call::Spin { turns } => {
                for turn in 0..turns {
                    std::hint::black_box(turn);
                }
            }
            Call::Allocate(bytes) => {
                std::hint::black_box(vec![1_u8; bytes]);
            }
            Call::Recurse => {
                std::hint::black_box(recurse(1));
            }
            Call::ForgedTree(handle) => {
                // SAFETY: none: that is the attack.
                let tree = ManuallyDrop::new(unsafe { Tree::from_handle(handle) });
                let stat = tree.stat("/")?;
                self.got(&format!("{stat:?}"));
            }
            Call::WrongHandle => {
                // SAFETY: none: that is the attack.
                let blob = unsafe { blobs::Blob::from_handle(self.tree()?.handle()) };
                let size = ManuallyDrop::new(blob).size()?;
                self.got(&format!("{size}"));
            }
            Call::UseAfterDrop => {
                let tree = self.trees.pop().ok_or_else(|| refused("no tree is open".into()))?;
                let handle = tree.handle();
                drop(tree);
                // SAFETY: none: that is the attack.
                let tree = ManuallyDrop::new(unsafe { Tree::from_handle(handle) });
                let stat = tree.stat("/")?;
                self.got(&format!("{stat:?}"));
            }
            Call::StringBeyondMemory => {
                let text = String::from("x");
                // SAFETY: none: that is the attack. Only the host looks at it.
                let long = ManuallyDrop::new(unsafe {
                    String::from_raw_parts(text.as_ptr().cast_mut(), 1 << 30, 1 << 30)
                });
                log::write(log::Level::Info, &long, &[]);
            }
            Call::Amplify { times, bytes } => {
                let long = "x".repeat(bytes);
                let alias = || {
                    // SAFETY: none: that is the attack. Only the host looks at them.
                    unsafe { String::from_raw_parts(long.as_ptr().cast_mut(), bytes, bytes) }
                };
                let fields: Vec<_> = (0..times).map(|_| (alias(), alias())).collect();
                let fields = ManuallyDrop::new(fields);
                log::write(log::Level::Info, "amplified", &fields);
            }
            Call::Panic(message) => panic!("{message}"),
            Call::Repeat { times, call } => {
                let call = call.to_string();
                for turn in 0..times {
                    let call = call.replace("{n}", &turn.to_string());
                    let call: Value = serde_json::from_str(&call)
                        .map_err(|e| refused(format!("the script is none: {e}")))?;
                    self.make(&call)?;
                }
            }
            Call::Try(call) => {
                let _ = self.make(&call);
            }
        }
        Ok(())
    }

    fn tree(&self) -> Result<&Tree, Error> {
        self.trees.last().ok_or_else(|| refused("no tree is open".into()))
    }

    fn blob(&self) -> Result<&blobs::Blob, Error> {
        self.blobs.last().ok_or_else(|| refused("there is no blob".into()))
    }

    fn with_booty(&self, call: &Value) -> Result<Value, Error> {
        const BOOTY: &str = "{booty}";
        // Calls with long texts are not looked through for nothing.
        if self.booty.is_empty() || !call.to_string().contains(BOOTY) {
            return Ok(call.clone());
        }
        let booty = Value::from(self.booty.as_str()).to_string();
        let text = call.to_string().replace(BOOTY, booty.trim_matches('"'));
        parsed::<Value>(serde_json::from_str(&text).unwrap_or_default())
    }

    fn got(&mut self, what: &str) {
        self.booty = what.chars().take(400).collect();
    }
}

fn parsed<T: DeserializeOwned>(value: Value) -> Result<T, Error> {
    serde_json::from_value(value).map_err(|e| refused(format!("the script is none: {e}")))
}

fn plain(mode: u32) -> Attributes {
    Attributes {
        mode: Some(mode),
        owner: None,
        group: None,
        xattrs: Vec::new(),
        extensions: Vec::new(),
    }
}

#[inline(never)]
#[expect(unconditional_recursion, reason = "that is the attack")]
fn recurse(depth: u64) -> u64 {
    let here = std::hint::black_box([depth; 64]);
    recurse(here[0] + 1) + std::hint::black_box(here)[63]
}
