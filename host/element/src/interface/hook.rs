//! Every function that an element can call, in one table: between wasmtime and what a function
//! does stands the tape, which records or replays it ([`crate::record`]), and tests call each of
//! them with arbitrary values ([`crate::fuzz`]).

use serde_json::{Map, Value as Json};
use wasmtime::component::{HasData, Resource};

use crate::bindings::dib::element::host::{Target, Value};
use crate::bindings::dib::element::{
    accounts, blobs, block_device, bootstrap, builder, cache, exec, facts, fetch, files, host,
    inputs, log, outputs, packages, rootfs, services, types,
};
use crate::held::blobs::Blob;
use crate::held::handles::{Build, GivenInput, Secret, Tree};
use crate::held::log::Span;
use crate::record::{Answer, Answered, HostCall, Tape};
use crate::refusal::Refusal;
use crate::state::State;
use crate::wire::{Wire, shortened};

/// Does a call of a host function, as far as the tape lets it.
fn taped<R: Answered>(
    state: &mut State,
    call: impl FnOnce() -> String,
    arguments: Option<Map<String, Json>>,
    done: impl FnOnce(&mut State) -> R,
) -> R {
    // There are arguments when the tape is on.
    let Some(arguments) = arguments else { return done(state) };
    let arguments = arguments.into_iter().map(|(name, value)| (name, shortened(value)));
    let nothing = Answer::Ok(Json::Null);
    let mut made = HostCall { call: call(), arguments: arguments.collect(), answer: nothing };
    if let Some(answer) = state.tape.compare(&made) {
        let replayed = answer.map_err(Into::into).and_then(R::replayed);
        return replayed.unwrap_or_else(R::ended);
    }
    let answer = done(state);
    made.answer = answer.recorded();
    if let Tape::Record(calls) = &mut state.tape {
        calls.push(made);
    }
    answer
}

/// The store's state as host functions get it.
#[expect(unreachable_pub, reason = "what `bindgen!` re-exports has to be `pub`")]
pub struct Hook<'a>(pub(crate) &'a mut State);

/// The state as a linker hands it on.
pub(crate) fn hooked(state: &mut State) -> Hook<'_> {
    Hook(state)
}

/// Says so to a linker.
pub(crate) struct Own;

impl HasData for Own {
    type Data<'a> = Hook<'a>;
}

/// A function whose result is an `error` of the contract when it fails.
type Fallible<T> = Result<T, Refusal>;
/// A function that cannot fail but by ending the element.
type Plain<T> = wasmtime::Result<T>;

/// `ensure_user` → `ensure-user`.
fn kebab(name: &str) -> String {
    name.replace('_', "-")
}

macro_rules! host_functions {
    ($($interface:literal $module:ident::$trait:ident {
        $(fn $name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*
    })*) => {
        $(impl $module::$trait for Hook<'_> {
            $(fn $name(&mut self $(, $argument: $type)*) -> $answer {
                let arguments: Option<Map<String, Json>> = self.0.tape.is_on().then(|| {
                    Map::from_iter([$((kebab(stringify!($argument)), Wire::out(&$argument))),*])
                });
                let call = || format!("{}.{}", $interface, kebab(stringify!($name)));
                taped(self.0, call, arguments, move |state| {
                    <State as $module::$trait>::$name(state $(, $argument)*)
                })
            })*
        })*

        /// Calls one of all functions with arbitrary values.
        #[cfg(any(test, feature = "fuzzing"))]
        pub(crate) fn call_any(state: &mut State, source: &mut dibhost_arbitrary::Source<'_>) {
            let mut functions: Vec<fn(&mut State, &mut dibhost_arbitrary::Source<'_>)> = Vec::new();
            $($(functions.push(|state, source| {
                $(let $argument = <$type as Wire>::arbitrary(source);)*
                let _ = $module::$trait::$name(&mut Hook(state) $(, $argument)*);
                let _ = source;
            });)*)*
            functions[usize::from(source.byte()) % functions.len()](state, source);
        }
    };
}

host_functions! {
    "host.build" host::HostBuild {
        fn target(build: Resource<Build>) -> Plain<Target>;
        fn parameter(build: Resource<Build>, name: String) -> Fallible<Option<Value>>;
        fn secret(build: Resource<Build>, name: String) -> Fallible<Option<Resource<Secret>>>;
        fn drop(build: Resource<Build>) -> Plain<()>;
    }
    "log" log::Host {
        fn write(level: log::Level, message: String, fields: Vec<(String, String)>) -> Plain<()>;
    }
    "log.span" log::HostSpan {
        fn new(name: String) -> Plain<Resource<Span>>;
        fn progress(span: Resource<Span>, done: u64, total: Option<u64>) -> Plain<()>;
        fn drop(span: Resource<Span>) -> Plain<()>;
    }
    "facts" facts::Host {
        fn provide(slot: String, key: String, value: String) -> Fallible<()>;
        fn consume(slot: String) -> Fallible<Vec<facts::Fact>>;
    }
    "blobs" blobs::Host {
        fn from_bytes(content: Vec<u8>) -> Fallible<Resource<Blob>>;
    }
    "blobs.blob" blobs::HostBlob {
        fn digest(blob: Resource<Blob>) -> Fallible<String>;
        fn size(blob: Resource<Blob>) -> Fallible<u64>;
        fn read(blob: Resource<Blob>, offset: u64, length: u64) -> Fallible<Vec<u8>>;
        fn drop(blob: Resource<Blob>) -> Plain<()>;
    }
    "inputs" inputs::Host {
        fn open(name: String) -> Fallible<Resource<GivenInput>>;
    }
    "inputs.input" inputs::HostInput {
        fn about(input: Resource<GivenInput>) -> Fallible<inputs::About>;
        fn nodes(
            input: Resource<GivenInput>, start_after: Option<String>
        ) -> Fallible<Vec<inputs::Node>>;
        fn read(
            input: Resource<GivenInput>, path: String, offset: u64, length: u64
        ) -> Fallible<Vec<u8>>;
        fn blob(input: Resource<GivenInput>, path: String) -> Fallible<Resource<Blob>>;
        fn drop(input: Resource<GivenInput>) -> Plain<()>;
    }
    "rootfs" rootfs::Host {
        fn open(path: String) -> Fallible<Resource<Tree>>;
    }
    "rootfs.tree" rootfs::HostTree {
        fn read(tree: Resource<Tree>, path: String, offset: u64, length: u64) -> Fallible<Vec<u8>>;
        fn capture(tree: Resource<Tree>, path: String) -> Fallible<Resource<Blob>>;
        fn stat(tree: Resource<Tree>, path: String) -> Fallible<Option<rootfs::Stat>>;
        fn walk(
            tree: Resource<Tree>, path: String, options: rootfs::WalkFlags,
            start_after: Option<String>
        ) -> Fallible<Vec<rootfs::Entry>>;
        fn apply(tree: Resource<Tree>, changes: Vec<rootfs::Change>) -> Fallible<()>;
        fn place(
            tree: Resource<Tree>, blob: Resource<Blob>, path: String,
            attributes: types::Attributes
        ) -> Fallible<()>;
        fn place_input(
            tree: Resource<Tree>, input: Resource<GivenInput>, path: String,
            placement: rootfs::Placement
        ) -> Fallible<()>;
        fn unpack(
            tree: Resource<Tree>, archive: Resource<Blob>, path: String, strip: u32
        ) -> Fallible<()>;
        fn write_secret(
            tree: Resource<Tree>, path: String, secret: Resource<Secret>,
            attributes: types::Attributes
        ) -> Fallible<()>;
        fn narrow(tree: Resource<Tree>, path: String) -> Fallible<Resource<Tree>>;
        fn drop(tree: Resource<Tree>) -> Plain<()>;
    }
    "exec" exec::Host {
        fn run(command: exec::Command) -> Fallible<exec::Output>;
        fn run_with_secret(
            command: exec::Command, stdin: Resource<Secret>
        ) -> Fallible<exec::Output>;
    }
    "packages" packages::Host {
        fn request(wishes: Vec<packages::Wish>) -> Fallible<()>;
        fn debconf(answers: Vec<packages::Answer>) -> Fallible<()>;
        fn add_deb_repository(repository: packages::DebRepository) -> Fallible<()>;
        fn add_rpm_repository(repository: packages::RpmRepository) -> Fallible<()>;
        fn enable_module(module: packages::Module) -> Fallible<()>;
        fn install_group(group: packages::Group) -> Fallible<()>;
        fn upgrade_all() -> Fallible<()>;
    }
    "files" files::Host {
        fn request(wishes: Vec<files::Wish>) -> Fallible<()>;
        fn place(
            blob: Resource<Blob>, path: String, attributes: types::Attributes
        ) -> Fallible<()>;
    }
    "services" services::Host {
        fn set(unit: String, state: String) -> Fallible<()>;
        fn define(unit: String, content: String) -> Fallible<()>;
        fn add_drop_in(drop_in: services::DropIn) -> Fallible<()>;
        fn add_preset(preset: services::Preset) -> Fallible<()>;
    }
    "accounts" accounts::Host {
        fn ensure_user(user: accounts::User) -> Fallible<()>;
        fn ensure_group(name: String, gid: Option<u32>) -> Fallible<()>;
        fn set_password(user: String, password: Resource<Secret>) -> Fallible<()>;
    }
    "block-device" block_device::Host {
        fn nodes() -> Fallible<Vec<block_device::Node>>;
        fn add(nodes: Vec<block_device::Node>) -> Fallible<()>;
        fn replace(node: block_device::Node) -> Fallible<()>;
    }
    "bootstrap" bootstrap::Host {
        fn create(source: bootstrap::Source) -> Fallible<()>;
    }
    "builder" builder::Host {
        fn authorized_keys() -> Fallible<Vec<String>>;
        fn proxies() -> Fallible<builder::Proxy>;
    }
    "outputs" outputs::Host {
        fn emit(suffix: String, content: Resource<Blob>) -> Fallible<()>;
    }
    "fetch" fetch::Host {
        fn get(url: String, digest: Option<String>) -> Fallible<Resource<Blob>>;
        fn git(url: String, revision: String) -> Fallible<Resource<Blob>>;
    }
    "cache" cache::Host {
        fn get(key: String) -> Fallible<Option<Resource<Blob>>>;
        fn put(key: String, content: Vec<u8>) -> Fallible<Resource<Blob>>;
    }
}

/// What opens a secret is never recorded: neither its bytes nor an element that has them.
impl host::HostSecret for Hook<'_> {
    fn open(&mut self, secret: Resource<Secret>) -> Fallible<Vec<u8>> {
        if self.0.tape.is_on() {
            return Err(Refusal::unsupported("a secret is opened in no record and in no replay")
                .with_help("`rootfs.write-secret` and `exec.run-with-secret` need not open it"));
        }
        <State as host::HostSecret>::open(self.0, secret)
    }

    fn drop(&mut self, secret: Resource<Secret>) -> Plain<()> {
        let arguments = self
            .0
            .tape
            .is_on()
            .then(|| Map::from_iter([("secret".to_owned(), Wire::out(&secret))]));
        let call = || "host.secret.drop".to_owned();
        taped(self.0, call, arguments, move |state| {
            <State as host::HostSecret>::drop(state, secret)
        })
    }
}

impl host::Host for Hook<'_> {}

impl types::Host for Hook<'_> {
    fn convert_error(&mut self, refusal: Refusal) -> wasmtime::Result<types::Error> {
        match refusal {
            Refusal::Answer(error) => Ok(error),
            Refusal::Trap(error) => Err(error),
        }
    }
}
