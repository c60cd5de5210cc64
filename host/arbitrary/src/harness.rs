//! Fuzzing without a nightly: the corpus, and what a fixed seed makes of it.

use std::path::Path;
use std::time::{Duration, Instant};

/// Bytes of an input: as many as libFuzzer takes without being told.
const INPUT: usize = 4096;

/// Feeds `function` the files of `corpus` and `rounds` inputs that are mutated from them; the
/// same ones each time. With `DIBHOST_FUZZ_SECONDS` it goes on that long, with other seeds.
///
/// # Panics
/// When `function` does, after the input was written to the temporary folder; and when the
/// corpus is not there.
pub fn feed(corpus: &Path, rounds: u64, function: impl Fn(&[u8]) + std::panic::RefUnwindSafe) {
    let entries = std::fs::read_dir(corpus)
        .unwrap_or_else(|e| panic!("reading the corpus `{}`: {e}", corpus.display()));
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let mut inputs: Vec<Vec<u8>> = paths.iter().flat_map(std::fs::read).collect();
    assert!(!inputs.is_empty(), "the corpus `{}` is empty", corpus.display());
    for input in &inputs {
        try_one(corpus, input, &function);
    }
    inputs.push(Vec::new());
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let longer = std::env::var("DIBHOST_FUZZ_SECONDS").ok().and_then(|s| s.parse().ok());
    let until = longer.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let mut done = 0_u64;
    while done < rounds || until.is_some_and(|until| Instant::now() < until) {
        let input = random.mutated(&inputs);
        try_one(corpus, &input, &function);
        done += 1;
    }
}

fn try_one(corpus: &Path, input: &[u8], function: &(impl Fn(&[u8]) + std::panic::RefUnwindSafe)) {
    if let Err(panic) = std::panic::catch_unwind(|| function(input)) {
        let name = corpus.file_name().and_then(|n| n.to_str()).unwrap_or("input").to_owned();
        let path = std::env::temp_dir().join(format!("dibhost-fuzz-{name}"));
        let _ = std::fs::write(&path, input);
        // Whoever sees the panic's message sees this one above it.
        std::panic::resume_unwind(Box::new(format!(
            "the input is in `{}`: {}",
            path.display(),
            panic.downcast_ref::<String>().map_or("see above", String::as_str)
        )));
    }
}

/// xorshift64*: no more is asked of it than to be the same each time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, most: usize) -> usize {
        (self.next() >> 16) as usize % most.max(1)
    }

    /// One of `inputs` with a few bytes changed, put in or taken out, or a piece of another.
    fn mutated(&mut self, inputs: &[Vec<u8>]) -> Vec<u8> {
        let mut input = inputs[self.below(inputs.len())].clone();
        for _ in 0..=self.below(8) {
            let at = self.below(input.len() + 1);
            match self.below(6) {
                0 => input.truncate(at),
                1 => {
                    for _ in 0..self.below(32) {
                        input.push(self.next() as u8);
                    }
                }
                2 => input.insert(at, self.next() as u8),
                3 => {
                    let other = &inputs[self.below(inputs.len())];
                    let from = self.below(other.len() + 1);
                    input.truncate(at);
                    input.extend_from_slice(&other[from..]);
                }
                _ => {
                    if let Some(byte) = input.get_mut(at) {
                        *byte = self.next() as u8;
                    }
                }
            }
        }
        input.truncate(INPUT);
        input
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn the_corpus_comes_first_and_what_follows_is_the_same_each_time() {
        let corpus = std::env::temp_dir().join(format!("dibhost-corpus-{}", std::process::id()));
        std::fs::create_dir_all(&corpus).unwrap();
        std::fs::write(corpus.join("a"), "one").unwrap();
        std::fs::write(corpus.join("b"), "two").unwrap();
        let fed = || {
            let seen = Mutex::new(Vec::new());
            feed(&corpus, 100, |input| seen.lock().unwrap().push(input.to_vec()));
            seen.into_inner().unwrap()
        };
        let (first, second) = (fed(), fed());
        assert_eq!(first[..2], [b"one".to_vec(), b"two".to_vec()]);
        assert_eq!(first.len(), 102);
        assert_eq!(first, second);
        let found = std::panic::catch_unwind(|| {
            feed(&corpus, 1000, |input| assert!(input.len() < 10, "long"));
        });
        std::fs::remove_dir_all(&corpus).unwrap();
        found.unwrap_err();
    }
}
