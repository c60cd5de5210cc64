//! wasmtime's engines, set up for a program that starts, runs a few short steps, and ends.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt::Write as _;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use wasmtime::component::Linker;
use wasmtime::{Config, Engine, InstanceAllocationStrategy, Strategy, WasmFeatures};

use crate::state::State;

/// Which compiler makes native code of an element.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Compiler {
    /// Ten times faster to compile; what it cannot compile, Cranelift does.
    #[default]
    Winch,
    /// Code that runs faster.
    Cranelift,
}

impl Compiler {
    /// As it is typed and as a file of compiled code is named: `winch`, `cranelift`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Winch => "winch",
            Self::Cranelift => "cranelift",
        }
    }
}

impl std::str::FromStr for Compiler {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Winch, Self::Cranelift]
            .into_iter()
            .find(|c| c.name() == text)
            .ok_or_else(|| format!("`{text}` is no compiler: `winch` or `cranelift`"))
    }
}

/// An engine, and the linker with every interface in it.
pub(crate) struct Runtime {
    pub(crate) compiler: Compiler,
    /// It counts what wasm does.
    pub(crate) metered: bool,
    pub(crate) engine: Engine,
    pub(crate) linker: Linker<State>,
    /// Code compiled by another wasmtime, for another processor or with other settings has
    /// another one.
    pub(crate) compatibility: String,
}

/// The interval of the clock that stops elements: a loop is stopped within two of them, and a
/// tick costs one atomic addition.
const TICK: Duration = Duration::from_millis(10);

/// Feeds `Hash` into SHA-256, for a hash that is the same in the next process.
#[derive(Default)]
struct Stable(Sha256);

impl Hasher for Stable {
    fn finish(&self) -> u64 {
        let digest = self.0.clone().finalize();
        u64::from_le_bytes(std::array::from_fn(|i| digest[i]))
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
}

/// wasmtime, set up: who compiles and who runs have the same settings.
pub(crate) fn engine(compiler: Compiler, metered: bool) -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    config
        .strategy(match compiler {
            Compiler::Winch => Strategy::Winch,
            Compiler::Cranelift => Strategy::Cranelift,
        })
        .epoch_interruption(true)
        .consume_fuel(metered)
        // Pooling pays from about a thousand instances in one process.
        .allocation_strategy(InstanceAllocationStrategy::OnDemand)
        .concurrency_support(false)
        // A step is a function of what it was given, on every processor.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        .wasm_features(WasmFeatures::THREADS, false)
        .wasm_features(WasmFeatures::GC, false)
        .wasm_features(WasmFeatures::MEMORY64, false);
    Engine::new(&config)
}

impl Runtime {
    fn new(compiler: Compiler, metered: bool) -> wasmtime::Result<Self> {
        let engine = engine(compiler, metered)?;
        let mut linker = Linker::new(&engine);
        crate::wasi::add_to_linker(&mut linker)?;
        crate::interface::add_to_linker(&mut linker)?;
        let mut hash = Stable::default();
        engine.precompile_compatibility_hash().hash(&mut hash);
        let mut compatibility = String::new();
        for byte in hash.0.finalize().iter().take(16) {
            let _ = write!(compatibility, "{byte:02x}");
        }
        tick(&engine);
        Ok(Self { compiler, metered, engine, linker, compatibility })
    }
}

/// Moves the epoch of `engine` on for as long as somebody holds it.
fn tick(engine: &Engine) {
    let weak = engine.weak();
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(TICK);
            match weak.upgrade() {
                Some(engine) => engine.increment_epoch(),
                None => break,
            }
        }
    });
}

/// The engines, by compiler and by whether they count: each is made when it is first needed.
#[derive(Default)]
pub(crate) struct Runtimes(Mutex<BTreeMap<(Compiler, bool), Arc<Runtime>>>);

impl Runtimes {
    pub(crate) fn get(&self, compiler: Compiler, metered: bool) -> wasmtime::Result<Arc<Runtime>> {
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match made.entry((compiler, metered)) {
            Entry::Occupied(there) => Ok(Arc::clone(there.get())),
            Entry::Vacant(place) => {
                Ok(Arc::clone(place.insert(Arc::new(Runtime::new(compiler, metered)?))))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compatibility_hash_is_the_same_next_time_and_another_for_another_compiler() {
        let of = |compiler, metered| Runtime::new(compiler, metered).unwrap().compatibility;
        assert_eq!(of(Compiler::Winch, false), of(Compiler::Winch, false));
        assert_ne!(of(Compiler::Winch, false), of(Compiler::Cranelift, false));
        assert_ne!(of(Compiler::Winch, false), of(Compiler::Winch, true));
    }
}
