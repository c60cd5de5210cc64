//! Values of any type made of arbitrary bytes, for fuzzing: what can be deserialised can be made.
//!
//! The same function is fed by libFuzzer (`fuzz/`, on a nightly, guided by coverage) and by
//! [`feed`], in every test run: the committed corpus and some thousands of inputs that are
//! mutated from it by a fixed seed.

mod checksum;
mod deserialize;
mod harness;

pub use checksum::crc32c;
pub use harness::feed;

use serde::de::DeserializeOwned;

/// Texts that break what takes them for harmless. Half of all strings are made of these.
const TEXTS: [&str; 48] = [
    "",
    "/",
    "..",
    "../..",
    "/etc",
    "/etc/passwd",
    "/etc/../..",
    "/out",
    "/loop",
    "/abs/x",
    "/up/x",
    "/a",
    "/a/b",
    "/dir",
    "/dir/file",
    "/file",
    "/nul\0",
    "/new\nline",
    "//",
    "/.",
    "x",
    "motd",
    "-d",
    "--",
    "*",
    "/proc/self/cwd/etc",
    "\u{1b}[2J",
    "\u{202e}",
    "a=b",
    "=",
    "root",
    "0",
    "4294967295",
    "-1",
    "dib:boot/kernel-argument@1",
    "dib:boot/kernel@1",
    "dib:block-device/layout@1",
    "acme:x/y@1",
    "{}",
    "{\"argument\":\"quiet\"}",
    "[[[[[[[[",
    "null",
    "!must",
    "ssh.service",
    "https://example.org/x",
    "file:///etc/passwd",
    "sha256:00",
    "true",
];

/// Arbitrary bytes, and the values made of them. When they are used up, every further byte is 0,
/// which makes empty lists and ends recursion.
#[derive(Debug)]
pub struct Source<'a> {
    data: &'a [u8],
    /// How deep the value being made is.
    depth: usize,
}

impl<'a> Source<'a> {
    /// Of these bytes.
    #[must_use]
    pub fn new(data: &'a [u8]) -> Self {
        Self { data, depth: 0 }
    }

    /// Whether nothing is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        match self.data.split_first() {
            Some((first, rest)) => {
                self.data = rest;
                *first
            }
            None => 0,
        }
    }

    /// A value of any type that can be deserialised without looking at what it is made of.
    ///
    /// # Panics
    /// When the type refuses what it gets: its `Deserialize` is not derived.
    pub fn value<T: DeserializeOwned>(&mut self) -> T {
        T::deserialize(&mut *self).expect("a type that takes any value of its fields")
    }

    /// Fewer than `most`, few more often than many.
    fn length(&mut self, most: usize) -> usize {
        let byte = usize::from(self.byte());
        if byte < 240 { byte % 4 } else { byte % most }
    }

    /// Small ones, large ones, and those at the ends.
    fn integer(&mut self) -> u64 {
        match self.byte() {
            byte @ 0..=199 => u64::from(byte),
            200..=219 => u64::MAX - u64::from(self.byte()),
            220..=234 => (1 << 31) - 1 + u64::from(self.byte() % 4),
            _ => (0..8).fold(0, |n, _| n << 8 | u64::from(self.byte())),
        }
    }

    fn text(&mut self) -> String {
        match self.byte() {
            byte @ 0..=127 => TEXTS[usize::from(byte) % TEXTS.len()].to_owned(),
            128..=143 => "x".repeat(self.integer() as usize % 10_000),
            144..=159 => self.text() + "/" + &self.text(),
            _ => {
                let length = self.length(200).min(self.data.len());
                let (text, rest) = self.data.split_at(length);
                self.data = rest;
                String::from_utf8_lossy(text).into_owned()
            }
        }
    }
}
