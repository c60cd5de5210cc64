//! WASI, linked for guests of std toolchains and inert: no files, arguments, environment or
//! sockets; time and random numbers are functions of what the step was given; what is printed
//! goes to the log.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use dibhost_check::Check;
use sha2::{Digest as _, Sha256};
use wasmtime::component::{HasSelf, Linker, Resource};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock;
use wasmtime_wasi::p2::{
    DynPollable, OutputStream, Pollable, StreamError, StreamResult, subscribe,
};
use wasmtime_wasi::{HostWallClock, WasiCtx, WasiCtxBuilder};

use crate::held::log::Log;
use crate::limits::{Exceeded, LOG_LINE_BYTES};
use crate::state::State;

/// Adds WASI 0.2, with a monotonic clock that does not wait.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_sync(linker)?;
    // wasmtime-wasi's clock sleeps in the host, where no epoch ends it.
    linker.allow_shadowing(true);
    monotonic_clock::add_to_linker::<_, HasSelf<State>>(linker, |s| s)?;
    linker.allow_shadowing(false);
    Ok(())
}

/// What a guest of `element` finds: nothing, at `epoch` seconds.
pub(crate) fn context(element: &str, epoch: u64, log: &Arc<Log>) -> WasiCtx {
    let printed =
        |error| Printed { error, log: Arc::clone(log), partial: Arc::new(Mutex::new(Vec::new())) };
    let seed = Sha256::digest(format!("{element}\n{epoch}"));
    let mut context = WasiCtxBuilder::new();
    // Nothing is handed over; these show that a hostile test would see it if it were.
    if !Check::WasiEnvironment.holds() {
        context.inherit_env();
    }
    if !Check::WasiFiles.holds() {
        use wasmtime_wasi::FsPerms;
        let _ = context.preopened_dir("/", "/", FsPerms::ReadOnly);
    }
    context
        .stdout(printed(false))
        .stderr(printed(true))
        .wall_clock(FixedClock(epoch))
        .secure_random(Seeded::new(&seed, b"secure"))
        .insecure_random(Seeded::new(&seed, b"insecure"))
        .insecure_random_seed(u128::from_le_bytes(std::array::from_fn(|i| seed[i])))
        .max_random_size(1 << 20)
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .build()
}

struct FixedClock(u64);

impl HostWallClock for FixedClock {
    fn resolution(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn now(&self) -> Duration {
        Duration::from_secs(self.0)
    }
}

/// SHA-256 in counter mode: the same numbers for the same step, on every machine.
struct Seeded {
    key: Sha256,
    counter: u64,
    block: [u8; 32],
    used: usize,
}

impl Seeded {
    fn new(seed: &[u8], purpose: &[u8]) -> Self {
        let key = Sha256::new().chain_update(seed).chain_update(purpose);
        Self { key, counter: 0, block: [0; 32], used: 32 }
    }

    fn byte(&mut self) -> u8 {
        if self.used == self.block.len() {
            let block = self.key.clone().chain_update(self.counter.to_le_bytes()).finalize();
            self.block = std::array::from_fn(|i| block[i]);
            self.counter += 1;
            self.used = 0;
        }
        self.used += 1;
        self.block[self.used - 1]
    }
}

impl rand::TryRng for Seeded {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(u32::from_le_bytes(std::array::from_fn(|_| self.byte())))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(u64::from_le_bytes(std::array::from_fn(|_| self.byte())))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        bytes.fill_with(|| self.byte());
        Ok(())
    }
}

/// What a guest waits for: it is always there.
struct Ready;

#[wasmtime_wasi::async_trait]
impl Pollable for Ready {
    async fn ready(&mut self) {}
}

impl monotonic_clock::Host for State {
    fn now(&mut self) -> wasmtime::Result<u64> {
        self.clock.nanoseconds = self.clock.nanoseconds.saturating_add(1000);
        Ok(self.clock.nanoseconds)
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        Ok(1000)
    }

    fn subscribe_instant(&mut self, when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        self.clock.nanoseconds = self.clock.nanoseconds.max(when);
        let ready = self.table.push(Ready)?;
        subscribe(&mut self.table, ready)
    }

    fn subscribe_duration(&mut self, time: u64) -> wasmtime::Result<Resource<DynPollable>> {
        let until = self.clock.nanoseconds.saturating_add(time);
        self.subscribe_instant(until)
    }
}

/// A guest's standard output or error: its lines go to the log.
#[derive(Clone)]
struct Printed {
    error: bool,
    log: Arc<Log>,
    /// Bytes of a line that has not ended.
    partial: Arc<Mutex<Vec<u8>>>,
}

impl Printed {
    fn take(&self, bytes: &[u8]) -> Result<(), Exceeded> {
        let mut partial = self.partial.lock().unwrap_or_else(PoisonError::into_inner);
        for part in bytes.split_inclusive(|b| *b == b'\n') {
            let ended = part.last() == Some(&b'\n');
            partial.extend_from_slice(part);
            if ended || partial.len() > LOG_LINE_BYTES {
                let line = String::from_utf8_lossy(&partial).into_owned();
                partial.clear();
                self.log.printed(self.error, line.trim_end_matches(['\n', '\r']))?;
            }
        }
        Ok(())
    }
}

impl Drop for Printed {
    fn drop(&mut self) {
        // The last clone goes with the store; a line without its end is told then.
        if Arc::strong_count(&self.partial) == 1 {
            // One that is too much has ended the step before, or ends it no more.
            let _ = self.take(b"\n");
        }
    }
}

impl IsTerminal for Printed {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Printed {
    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Printed {
    async fn ready(&mut self) {}
}

impl OutputStream for Printed {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.take(&bytes).map_err(|exceeded| StreamError::Trap(exceeded.into()))
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        // What wasmtime-wasi's own streams permit.
        Ok(64 << 10)
    }
}

impl tokio::io::AsyncWrite for Printed {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let taken = self.take(bytes).map(|()| bytes.len());
        Poll::Ready(taken.map_err(std::io::Error::other))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use rand::TryRng as _;

    use super::*;

    #[test]
    fn random_numbers_are_those_of_the_step() {
        let numbers = |element: &str| {
            let mut bytes = [0; 100];
            Seeded::new(element.as_bytes(), b"secure").try_fill_bytes(&mut bytes).unwrap();
            bytes
        };
        assert_eq!(numbers("a"), numbers("a"));
        assert_ne!(numbers("a"), numbers("b"));
        assert_ne!(numbers("a")[..32], numbers("a")[32..64]);
    }

    #[test]
    fn what_is_printed_comes_by_lines() {
        let log = Arc::new(Log::new(100, None, Arc::new(crate::secrets::NoSecrets)));
        let out = Printed { error: true, log: Arc::clone(&log), partial: Arc::default() };
        out.take(b"thread 'main' panicked at src/lib.rs:1:1:\nno ").unwrap();
        out.take(b"luck\nnote: run with `RUST_BACKTRACE=1`\n").unwrap();
        let said = log.last_words().unwrap();
        assert_eq!(said, "thread 'main' panicked at src/lib.rs:1:1: no luck");
        out.take(b"last").unwrap();
        drop(out);
        assert!(log.last_words().unwrap().ends_with("last"));
    }
}
