//! Elements made of a few lines of WAT: a core module with `describe`'s answer laid out in its
//! memory by the canonical ABI, encoded as a component against the real `wit/`.

#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// Where answers of host functions go, and what `plan` and `run` return: an error of the last
/// host function is handed on, anything else becomes `done` and no findings.
pub const ANSWER: &str = "(i32.const 1024)";

/// A slot: name, arity (0 one, 1 optional, 2 many), timing (0 planned, 1 observed), schema.
pub type GuestSlot = (&'static str, u8, u8, Option<&'static str>);

/// One step of a guest's description. Phases as in WIT: 3 is `install`.
#[derive(Clone, Default)]
pub struct GuestStep {
    pub name: &'static str,
    /// Of the step and of each of its slots: a key.
    pub extension: Option<&'static str>,
    pub phase: u8,
    pub provides: Vec<GuestSlot>,
    pub consumes: Vec<&'static str>,
    pub plan_only: bool,
}

/// Static memory of a guest.
pub struct Memory {
    bytes: Vec<u8>,
}

const BASE: usize = 8192;

impl Memory {
    pub fn place(&mut self, bytes: &[u8]) -> u32 {
        while !self.bytes.len().is_multiple_of(8) {
            self.bytes.push(0);
        }
        let at = BASE + self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        at as u32
    }

    fn text(&mut self, text: &str) -> Vec<u8> {
        let at = self.place(text.as_bytes());
        [at.to_le_bytes(), (text.len() as u32).to_le_bytes()].concat()
    }

    pub fn list(&mut self, items: &[Vec<u8>]) -> Vec<u8> {
        let at = self.place(&items.concat());
        [at.to_le_bytes(), (items.len() as u32).to_le_bytes()].concat()
    }

    fn texts(&mut self, texts: &[&str]) -> Vec<u8> {
        let items: Vec<_> = texts.iter().map(|t| self.text(t)).collect();
        self.list(&items)
    }

    /// `option<string>`.
    fn maybe(&mut self, text: Option<&str>) -> Vec<u8> {
        let some = text.map(|t| self.text(t)).unwrap_or_else(|| vec![0; 8]);
        [vec![u8::from(text.is_some()), 0, 0, 0], some].concat()
    }

    /// `extensions`: a key with the value `1`, or none.
    fn extensions(&mut self, key: Option<&str>) -> Vec<u8> {
        let Some(key) = key else { return vec![0; 8] };
        let pair = [self.text(key), self.text("1")].concat();
        self.list(&[pair])
    }

    /// A string as two operands.
    pub fn operands(&mut self, text: &str) -> String {
        let at = self.place(text.as_bytes());
        format!("(i32.const {at}) (i32.const {})", text.len())
    }

    pub fn provide(&mut self, slot: &str, key: &str, value: &str) -> String {
        let texts = [slot, key, value].map(|t| self.operands(t)).join(" ");
        format!("(call $provide {texts} {ANSWER})")
    }

    pub fn consume(&mut self, slot: &str) -> String {
        format!("(call $consume {} {ANSWER})", self.operands(slot))
    }

    pub fn log(&mut self, text: &str) -> String {
        format!("(call $log (i32.const 2) {} (i32.const 0) (i32.const 0))", self.operands(text))
    }

    pub fn set_service(&mut self, unit: &str) -> String {
        let (unit, state) = (self.operands(unit), self.operands("enabled"));
        format!("(call $service {unit} {state} {ANSWER})")
    }

    pub fn request_package(&mut self, name: &str) -> String {
        self.request_package_saying(name, "install", None)
    }

    /// A package, what is wanted of it, and a key that no host knows.
    pub fn request_package_saying(
        &mut self,
        name: &str,
        want: &str,
        extension: Option<&str>,
    ) -> String {
        let wish = [
            self.text(name),
            self.maybe(None),
            self.text(want),
            self.text("because"),
            self.extensions(extension),
        ];
        let at = self.place(&wish.concat());
        format!("(call $request (i32.const {at}) (i32.const 1) {ANSWER})")
    }

    /// Opens the tree at `/` and writes a file, both answers in the usual place.
    pub fn write_file(&mut self, path: &str, content: &str) -> String {
        self.write_file_saying(path, content, None)
    }

    /// The same, with a key that no host knows.
    pub fn write_file_saying(
        &mut self,
        path: &str,
        content: &str,
        extension: Option<&str>,
    ) -> String {
        let root = self.operands("/");
        let nothing = vec![0; 8];
        // change: case at 0; new-file at 4: path, content, attributes (mode, owner, group, xattrs,
        // extensions).
        let change = [
            vec![0, 0, 0, 0],
            self.text(path),
            self.text(content),
            nothing.clone(),
            self.maybe(None),
            self.maybe(None),
            nothing,
            self.extensions(extension),
        ];
        let change = self.place(&change.concat());
        format!(
            "(call $open {root} {ANSWER})
             (if (i32.eqz (i32.load8_u {ANSWER})) (then
                (global.set $tree (i32.load offset=4 {ANSWER}))
                (call $apply (global.get $tree) (i32.const {change}) (i32.const 1) {ANSWER})
                (call $drop-tree (global.get $tree))))"
        )
    }

    /// Starts a program, by its name.
    pub fn run_program(&mut self, program: &str, args: &[&str]) -> String {
        let command = self.command(program, args);
        let at = self.place(&command);
        format!("(call $exec (i32.const {at}) {ANSWER})")
    }

    /// A program that may reach the network, by the first of its settings.
    pub fn run_networked(&mut self, program: &str) -> String {
        let mut command = self.command(program, &[]);
        let settings = command.len() - 20;
        command[settings] = 1;
        let at = self.place(&command);
        format!("(call $exec (i32.const {at}) {ANSWER})")
    }

    fn command(&mut self, program: &str, args: &[&str]) -> Vec<u8> {
        [
            self.text(program),
            self.texts(args),
            vec![0; 8],
            self.maybe(None),
            self.maybe(None),
            vec![0; 4],
            vec![0; 8],
            vec![0; 8],
        ]
        .concat()
    }

    /// Takes the secret that the parameter `password` names, and goes on when there is one.
    pub fn with_secret(&mut self, body: &str) -> String {
        let name = self.operands("password");
        format!(
            "(call $secret (local.get $build) {name} {ANSWER})
             (if (i32.eqz (i32.load8_u {ANSWER})) (then
                (global.set $held (i32.load offset=8 {ANSWER}))
                {body}))"
        )
    }

    /// Opens the secret and says it aloud.
    pub fn tell_secret(&mut self) -> String {
        format!(
            "(call $open-secret (global.get $held) {ANSWER})
             (if (i32.eqz (i32.load8_u {ANSWER})) (then
                (call $log (i32.const 2) (i32.load offset=4 {ANSWER}) (i32.load offset=8 {ANSWER})
                    (i32.const 0) (i32.const 0))))"
        )
    }

    pub fn write_secret(&mut self, path: &str) -> String {
        let (root, path) = (self.operands("/"), self.operands(path));
        let attributes = "(i32.const 0) ".repeat(12);
        format!(
            "(call $open {root} {ANSWER})
             (if (i32.eqz (i32.load8_u {ANSWER})) (then
                (call $write-secret (i32.load offset=4 {ANSWER}) {path} (global.get $held)
                    {attributes} {ANSWER})))"
        )
    }

    pub fn set_password(&mut self, user: &str) -> String {
        format!("(call $set-password {} (global.get $held) {ANSWER})", self.operands(user))
    }

    /// Starts a program with the secret on its standard input.
    pub fn run_with_secret(&mut self, program: &str) -> String {
        let command = self.command(program, &[]);
        let handle = command.len();
        let at = self.place(&[command, vec![0; 4]].concat()) as usize;
        format!(
            "(i32.store (i32.const {}) (global.get $held))
             (call $exec-with-secret (i32.const {at}) {ANSWER})",
            at + handle
        )
    }

    pub fn fetch(&mut self, url: &str) -> String {
        let none = "(i32.const 0) (i32.const 0) (i32.const 0)";
        format!("(call $fetch {} {none} {ANSWER})", self.operands(url))
    }

    pub fn fetch_digest(&mut self, url: &str, digest: &str) -> String {
        let (url, digest) = (self.operands(url), self.operands(digest));
        format!("(call $fetch {url} (i32.const 1) {digest} {ANSWER})")
    }

    pub fn fetch_commit(&mut self, url: &str, revision: &str) -> String {
        let (url, revision) = (self.operands(url), self.operands(revision));
        format!("(call $git {url} {revision} {ANSWER})")
    }

    /// Does what answers a blob, and unpacks that blob.
    pub fn unpack(&mut self, got: &str, path: &str, strip: u32) -> String {
        let call = |path: &str| {
            format!(
                "(call $unpack (global.get $tree) (global.get $held) {path} (i32.const {strip}) {ANSWER})"
            )
        };
        self.with_blob(got, path, call)
    }

    /// Does what answers a blob, and makes a file of that blob.
    pub fn place_blob(&mut self, got: &str, path: &str) -> String {
        let attributes = "(i32.const 0) ".repeat(12);
        let call = |path: &str| {
            format!(
                "(call $place (global.get $tree) (global.get $held) {path} {attributes} {ANSWER})"
            )
        };
        self.with_blob(got, path, call)
    }

    fn with_blob(&mut self, got: &str, path: &str, call: impl Fn(&str) -> String) -> String {
        let (root, path) = (self.operands("/"), self.operands(path));
        let call = call(&path);
        format!(
            "{got}
             (if (i32.eqz (i32.load8_u {ANSWER})) (then
                (global.set $held (i32.load offset=4 {ANSWER}))
                (call $open {root} {ANSWER})
                (if (i32.eqz (i32.load8_u {ANSWER})) (then
                    (global.set $tree (i32.load offset=4 {ANSWER}))
                    {call}
                    (call $drop-tree (global.get $tree))))))"
        )
    }

    pub fn emit(&mut self, suffix: &str, content: &str) -> String {
        let (suffix, content) = (self.operands(suffix), self.operands(content));
        format!(
            "(call $blob {content} {ANSWER})
             (if (i32.eqz (i32.load8_u {ANSWER})) (then
                (call $emit {suffix} (i32.load offset=4 {ANSWER}) {ANSWER})))"
        )
    }

    /// Prints on standard error, as a panic does.
    pub fn print(&mut self, text: &str) -> String {
        format!("(call $stderr-write (call $stderr) {} (i32.const 1600))", self.operands(text))
    }

    /// `build.parameter(name)`.
    pub fn parameter(&mut self, name: &str) -> String {
        format!("(call $parameter (local.get $build) {} (i32.const 1600))", self.operands(name))
    }
}

type Body = Box<dyn Fn(&mut Memory) -> String>;

/// An element to be.
pub struct Guest {
    pub name: String,
    pub contract: &'static str,
    pub steps: Vec<GuestStep>,
    pub requests: Vec<(&'static str, &'static str)>,
    pub describe: &'static str,
    pub plan: Body,
    pub run: Body,
}

impl Guest {
    /// An element with one step in `install` that does nothing.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            contract: "0.1.0",
            steps: vec![GuestStep { name: "install", phase: 3, ..GuestStep::default() }],
            requests: Vec::new(),
            describe: "",
            plan: Box::new(|_| String::new()),
            run: Box::new(|_| String::new()),
        }
    }

    pub fn plan(mut self, body: impl Fn(&mut Memory) -> String + 'static) -> Self {
        self.plan = Box::new(body);
        self
    }

    pub fn run(mut self, body: impl Fn(&mut Memory) -> String + 'static) -> Self {
        self.run = Box::new(body);
        self
    }

    pub fn provides(mut self, slot: GuestSlot) -> Self {
        self.steps[0].provides.push(slot);
        self
    }

    pub fn consumes(mut self, slot: &'static str) -> Self {
        self.steps[0].consumes.push(slot);
        self
    }

    pub fn requests(mut self, capability: &'static str, scope: &'static str) -> Self {
        self.requests.push((capability, scope));
        self
    }

    fn description(&self, memory: &mut Memory) -> u32 {
        let nothing = vec![0; 8];
        let slot = |memory: &mut Memory, (name, arity, timing, schema): &GuestSlot| {
            let name = memory.text(name);
            let schema = memory.maybe(*schema);
            let doc = memory.text("A slot.");
            [name, vec![*arity, *timing, 0, 0], schema, doc].concat()
        };
        let mut steps = Vec::new();
        for step in &self.steps {
            let said = memory.extensions(step.extension);
            let provides: Vec<_> =
                step.provides.iter().map(|s| [slot(memory, s), said.clone()].concat()).collect();
            let slot_use =
                |name: &&str| [memory.text(name), vec![2, 0, 0, 0], said.clone()].concat();
            let consumes: Vec<_> = step.consumes.iter().map(slot_use).collect();
            let (provides, consumes) = (memory.list(&provides), memory.list(&consumes));
            let phase = vec![step.phase, 0, 0, 0];
            let plan_only = vec![u8::from(step.plan_only), 0, 0, 0];
            let (after, before) = (nothing.clone(), nothing.clone());
            let name = memory.text(step.name);
            steps.push([name, phase, provides, consumes, after, before, plan_only, said].concat());
        }
        let request = |(capability, scope): &(&str, &str)| {
            let reason = memory.text("To test.");
            let (capability, scope) = (memory.text(capability), memory.text(scope));
            // On no condition, and with no extension.
            [capability, scope, reason, nothing.clone(), nothing.clone()].concat()
        };
        let requests: Vec<_> = self.requests.iter().map(request).collect();
        let parameter = {
            // kind: 6 cases, the payload of two is 8 bytes; then default, doc, aliases, extensions.
            let kind = [vec![0; 4], nothing.clone()].concat();
            let default = memory.maybe(Some("\"blue\""));
            let (name, doc) = (memory.text("colour"), memory.text("A colour."));
            [name, kind, default, doc, nothing.clone(), nothing.clone()].concat()
        };
        let secret = {
            let kind = [vec![5, 0, 0, 0], nothing.clone()].concat();
            let default = memory.maybe(Some("null"));
            let (name, doc) = (memory.text("password"), memory.text("A password."));
            [name, kind, default, doc, nothing.clone(), nothing.clone()].concat()
        };
        let record = [
            memory.text(&self.name),
            memory.text("1.2.3"),
            memory.text("An element of a test."),
            memory.text("Apache-2.0"),
            nothing.clone(),
            nothing.clone(),
            nothing.clone(),
            memory.list(&[parameter, secret]),
            memory.list(&steps),
            memory.list(&requests),
            nothing,
        ];
        memory.place(&record.concat())
    }

    /// The component.
    pub fn component(&self) -> Vec<u8> {
        let mut memory = Memory { bytes: Vec::new() };
        let description = self.description(&mut memory);
        let (plan, run) = ((self.plan)(&mut memory), (self.run)(&mut memory));
        let mut data = String::new();
        for byte in &memory.bytes {
            let _ = write!(data, "\\{byte:02x}");
        }
        // Two pages for what is answered, after what is there from the start.
        let heap = (BASE + memory.bytes.len()).max(131_072);
        let pages = heap.div_ceil(65_536) + 2;
        let call = |name: &str, body: &str| {
            format!(
                "(func (export \"dib:element/lifecycle@0.1.0#{name}\")
                    (param $step i32) (param $step-length i32) (param $build i32) (result i32)
                    {body}
                    (call $drop-build (local.get $build))
                    (if (i32.eqz (i32.load8_u {ANSWER}))
                        (then (i64.store offset=4 {ANSWER} (i64.const 0))))
                    {ANSWER})"
            )
        };
        let module = format!(
            "(module {IMPORTS}
                (memory (export \"memory\") {pages})
                (data (i32.const {BASE}) \"{data}\")
                (global $tree (mut i32) (i32.const 0))
                (global $held (mut i32) (i32.const 0))
                (global $heap (mut i32) (i32.const {heap}))
                (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32)
                    (global.set $heap
                        (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
                    (global.get $heap)
                    (global.set $heap (i32.add (global.get $heap) (local.get 3))))
                (func (export \"dib:element/metadata@0.1.0#describe\") (result i32)
                    {} (i32.const {description}))
                {} {})",
            self.describe,
            call("plan", &plan),
            call("run", &run),
        );
        let module = module.replace("@0.1.0", &format!("@{}", self.contract));
        encode(&wat::parse_str(module).unwrap(), self.contract)
    }

    /// Writes `NAME.wasm` into `folder`.
    pub fn install(&self, folder: &Path) -> PathBuf {
        let path = folder.join(format!("{}.wasm", self.name));
        std::fs::write(&path, self.component()).unwrap();
        path
    }
}

const IMPORTS: &str = r#"
    (import "dib:element/host@0.1.0" "[resource-drop]build" (func $drop-build (param i32)))
    (import "dib:element/host@0.1.0" "[method]build.parameter"
        (func $parameter (param i32 i32 i32 i32)))
    (import "dib:element/host@0.1.0" "[method]build.secret"
        (func $secret (param i32 i32 i32 i32)))
    (import "dib:element/host@0.1.0" "[method]secret.open" (func $open-secret (param i32 i32)))
    (import "dib:element/accounts@0.1.0" "set-password"
        (func $set-password (param i32 i32 i32 i32)))
    (import "dib:element/rootfs@0.1.0" "[method]tree.write-secret"
        (func $write-secret
            (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
    (import "dib:element/exec@0.1.0" "run-with-secret" (func $exec-with-secret (param i32 i32)))
    (import "dib:element/facts@0.1.0" "provide"
        (func $provide (param i32 i32 i32 i32 i32 i32 i32)))
    (import "dib:element/facts@0.1.0" "consume" (func $consume (param i32 i32 i32)))
    (import "dib:element/log@0.1.0" "write" (func $log (param i32 i32 i32 i32 i32)))
    (import "dib:element/packages@0.1.0" "request" (func $request (param i32 i32 i32)))
    (import "dib:element/services@0.1.0" "set" (func $service (param i32 i32 i32 i32 i32)))
    (import "dib:element/rootfs@0.1.0" "open" (func $open (param i32 i32 i32)))
    (import "dib:element/rootfs@0.1.0" "[method]tree.apply" (func $apply (param i32 i32 i32 i32)))
    (import "dib:element/rootfs@0.1.0" "[resource-drop]tree" (func $drop-tree (param i32)))
    (import "dib:element/exec@0.1.0" "run" (func $exec (param i32 i32)))
    (import "dib:element/fetch@0.1.0" "get" (func $fetch (param i32 i32 i32 i32 i32 i32)))
    (import "dib:element/fetch@0.1.0" "git" (func $git (param i32 i32 i32 i32 i32)))
    (import "dib:element/rootfs@0.1.0" "[method]tree.unpack"
        (func $unpack (param i32 i32 i32 i32 i32 i32)))
    (import "dib:element/rootfs@0.1.0" "[method]tree.place"
        (func $place
            (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
    (import "dib:element/blobs@0.1.0" "from-bytes" (func $blob (param i32 i32 i32)))
    (import "dib:element/outputs@0.1.0" "emit" (func $emit (param i32 i32 i32 i32)))
    (import "wasi:cli/stderr@0.2.0" "get-stderr" (func $stderr (result i32)))
    (import "wasi:io/streams@0.2.0" "[method]output-stream.blocking-write-and-flush"
        (func $stderr-write (param i32 i32 i32 i32)))
    (import "wasi:clocks/monotonic-clock@0.2.0" "now" (func $now (result i64)))
    (import "wasi:clocks/monotonic-clock@0.2.0" "subscribe-duration"
        (func $sleep (param i64) (result i32)))
    (import "wasi:io/poll@0.2.0" "[method]pollable.block" (func $block (param i32)))
"#;

/// As much of WASI as the guests use.
const WASI: [&str; 3] = [
    "package wasi:io@0.2.0;
     interface error { resource error; }
     interface poll { resource pollable { block: func(); } }
     interface streams {
        use error.{error};
        variant stream-error { last-operation-failed(error), closed }
        resource output-stream {
            blocking-write-and-flush: func(contents: list<u8>) -> result<_, stream-error>;
        }
     }",
    "package wasi:clocks@0.2.0;
     interface monotonic-clock {
        use wasi:io/poll@0.2.0.{pollable};
        now: func() -> u64;
        subscribe-duration: func(when: u64) -> pollable;
     }",
    "package wasi:cli@0.2.0;
     interface stderr {
        use wasi:io/streams@0.2.0.{output-stream};
        get-stderr: func() -> output-stream;
     }",
];

fn encode(module: &[u8], contract: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    for package in WASI {
        resolve.push_str("wasi.wit", package).unwrap();
    }
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
    // `types.wit` names the package, so it comes first.
    let text: String = ["types", "host", "exports", "worlds"]
        .map(|file| std::fs::read_to_string(wit.join(format!("{file}.wit"))).unwrap())
        .concat();
    let text = text.replace("dib:element@0.1.0", &format!("dib:element@{contract}"));
    resolve.push_str("element.wit", &text).unwrap();
    let world = format!(
        "package test:guest;
         world guest {{
            include dib:element/element@{contract};
            import wasi:cli/stderr@0.2.0;
            import wasi:clocks/monotonic-clock@0.2.0;
         }}"
    );
    let package = resolve.push_str("guest.wit", &world).unwrap();
    let world = resolve.select_world(&[package], Some("guest")).unwrap();
    let mut module = module.to_vec();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    let mut encoder = ComponentEncoder::default();
    encoder.validate(true);
    encoder.module(&module).unwrap();
    encoder.encode().unwrap()
}
