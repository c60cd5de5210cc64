//! Limits of a step: what each is called, what it counts, what it is without a setting.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::location::Spanned;
use dibhost_text::format_duration;
use dibhost_text::format_size;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

/// What a limit counts, and so how it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Bytes: `"64MiB"`.
    Bytes,
    /// Milliseconds: `"10 min"`, or a number of seconds.
    Time,
    /// A number.
    Count,
}

/// A limit: key, measure, default (none: nothing is counted), what a definition may set, and
/// what it bounds as a sentence part.
macro_rules! limits {
    ($($variant:ident $key:literal $measure:ident
        $default:expr, $bounds:expr, $doc:literal;)*) => {
        /// Something that one step of an element may not do without end.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Limit {
            $(#[doc = concat!("Bounds ", $doc, ".")] $variant,)*
        }

        impl Limit {
            /// All of them, as the documentation lists them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The key in `[limits]`.
            #[must_use]
            pub fn key(self) -> &'static str {
                match self { $(Self::$variant => $key,)* }
            }

            /// What it counts.
            #[must_use]
            pub fn measure(self) -> Measure {
                match self { $(Self::$variant => Measure::$measure,)* }
            }

            /// Without a setting; none: it is not counted.
            #[must_use]
            pub fn default_value(self) -> Option<u64> {
                match self { $(Self::$variant => $default,)* }
            }

            /// What a definition may set.
            #[must_use]
            pub fn bounds(self) -> RangeInclusive<u64> {
                match self { $(Self::$variant => $bounds,)* }
            }

            /// What it bounds.
            #[must_use]
            pub fn bounded(self) -> &'static str {
                match self { $(Self::$variant => $doc,)* }
            }
        }
    };
}

limits! {
    // Rust elements need 2 MiB, Python ones 30. 4 GiB is all that 32 bits reach.
    Memory "memory" Bytes Some(64 * MIB), MIB..=4 * GIB,
        "the linear memory of one call";
    // Making an initramfs or GRUB's images on a busy machine takes a minute or two.
    StepTime "step-time" Time Some(10 * MINUTE), SECOND..=24 * HOUR,
        "how long a step runs, the programs it starts included";
    // Planning has no effects and takes microseconds; a Python element needs 0.5 s under load.
    PlanTime "plan-time" Time Some(10 * SECOND), SECOND..=HOUR,
        "how long the planning of a step takes";
    // Counting costs a tenth of the speed, so it is for tests, where time says nothing.
    Fuel "fuel" Count None, 1_000..=i64::MAX as u64,
        "instructions of WebAssembly, roughly: the same number on every machine";
    // A container's base image or a large data set; ten times what the largest element of DIB
    // writes by itself (packages are the host's to write).
    Written "written" Bytes Some(4 * GIB), 0..=1024 * GIB,
        "the bytes that a step writes into the target";
    // A source tree of Linux has 85,000.
    Files "files" Count Some(250_000), 0..=10_000_000,
        "the files, folders and links that a step makes in the target";
    // A verbose dracut says 5,000. A line is at most 8 KiB, so a log stays below 100 MiB.
    LogLines "log-lines" Count Some(10_000), 0..=1_000_000,
        "the lines that a step logs, those of its programs included";
    // A list of kernel modules is the longest that was thought of: 1,000.
    Facts "facts" Count Some(4_096), 0..=100_000,
        "the facts that a step provides";
    // Facts are what elements tell one another, and every reader gets all of a slot's; files
    // are for the target.
    FactBytes "fact-bytes" Bytes Some(4 * MIB), KIB..=256 * MIB,
        "the bytes of all facts that a step provides";
    // Ten times what the largest known element of DIB installs.
    Wishes "wishes" Count Some(4_096), 0..=65_536,
        "the wishes that a step makes";
    // Blobs and outputs are held in the host's memory, which with the element's own is to stay within
    // 512 MiB (`tests/hostile/peak.rs`). An initramfs and a kernel need 100 MiB.
    Blobs "blobs" Bytes Some(384 * MIB), 0..=16 * GIB,
        "the bytes of blobs, and of files that are wished for, that the host holds for a step at once";
    Outputs "outputs" Bytes Some(512 * MIB), 0..=16 * GIB,
        "the bytes that a step puts beside the image";
    // dpkg's scripts keep below 100; a build of a module with `make -j` on a large machine more.
    Programs "programs" Count Some(1_024), 1..=1_000_000,
        "the processes and threads that run at once in the target for a step";
    // Compressing an initramfs by zstd needs 1 GiB at its worst.
    ProgramMemory "program-memory" Bytes Some(2 * GIB), 16 * MIB..=1024 * GIB,
        "the memory of all programs together that run in the target for a step";
}

impl Limit {
    /// The one of that key.
    #[must_use]
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|l| l.key() == key)
    }

    /// A value for people: `64 MiB`, `10 min`, `4096`.
    #[must_use]
    pub fn shown(self, value: u64) -> String {
        match self.measure() {
            Measure::Bytes => format_size(value),
            Measure::Time => format_duration(value),
            Measure::Count => value.to_string(),
        }
    }

    /// A value as it is written in a definition: `memory = "64MiB"`.
    #[must_use]
    pub fn line(self, value: u64) -> String {
        let key = self.key();
        match self.measure() {
            Measure::Bytes => format!("{key} = \"{}\"", format_size(value).replace(' ', "")),
            Measure::Time => format!("{key} = \"{}\"", format_duration(value)),
            Measure::Count => format!("{key} = {value}"),
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

impl Serialize for Limit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.key())
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let key = String::deserialize(deserializer)?;
        Self::from_key(&key).ok_or_else(|| serde::de::Error::custom(format!("no limit `{key}`")))
    }
}

/// The limits of one element's steps: what was set, and defaults for the rest.
///
/// In JSON it has every key: bytes, milliseconds, numbers; `null` for what is not counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits(BTreeMap<Limit, u64>);

impl Limits {
    /// The value of a limit: bytes, milliseconds or a number. `u64::MAX` when it is not counted.
    #[must_use]
    pub fn get(&self, limit: Limit) -> u64 {
        self.counted(limit).unwrap_or(u64::MAX)
    }

    /// The value of a limit; none when it is not counted.
    #[must_use]
    pub fn counted(&self, limit: Limit) -> Option<u64> {
        self.0.get(&limit).copied().or_else(|| limit.default_value())
    }

    /// A time.
    #[must_use]
    pub fn time(&self, limit: Limit) -> std::time::Duration {
        std::time::Duration::from_millis(self.get(limit))
    }

    /// The same with another value.
    #[must_use]
    pub fn with(mut self, limit: Limit, value: u64) -> Self {
        if limit.default_value() == Some(value) {
            self.0.remove(&limit);
        } else {
            self.0.insert(limit, value);
        }
        self
    }

    /// What is not the default.
    pub fn changed(&self) -> impl Iterator<Item = (Limit, u64)> {
        self.0.iter().map(|(limit, value)| (*limit, *value))
    }
}

impl Serialize for Limits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(Limit::ALL.iter().map(|limit| (limit, self.counted(*limit))))
    }
}

impl<'de> Deserialize<'de> for Limits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let all = BTreeMap::<Limit, Option<u64>>::deserialize(deserializer)?;
        let set = all.into_iter().filter_map(|(limit, value)| Some((limit, value?)));
        Ok(set.fold(Self::default(), |limits, (limit, value)| limits.with(limit, value)))
    }
}

/// `[limits.elements.ELEMENT]`.
#[derive(Debug, Clone, PartialEq)]
pub struct ElementLimits {
    /// The element.
    pub element: Spanned<String>,
    /// What is set for it.
    pub limits: BTreeMap<Limit, Spanned<u64>>,
}

/// `[limits]`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LimitSettings {
    /// For all elements.
    pub all: BTreeMap<Limit, Spanned<u64>>,
    /// For one each, before what is set for all.
    pub elements: BTreeMap<String, ElementLimits>,
}

impl LimitSettings {
    /// The limits of an element.
    #[must_use]
    pub fn of(&self, element: &str) -> Limits {
        let own = self.elements.get(element).into_iter().flat_map(|e| &e.limits);
        let set = self.all.iter().chain(own);
        set.fold(Limits::default(), |limits, (limit, value)| limits.with(*limit, value.value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_default_is_within_its_bounds() {
        for limit in Limit::ALL {
            let default = limit.default_value();
            assert!(default.is_none_or(|v| limit.bounds().contains(&v)), "{limit}");
        }
    }

    #[test]
    fn limits_survive_json_and_say_every_key() {
        let limits = Limits::default().with(Limit::Memory, 512 << 20).with(Limit::Fuel, 7);
        let json = serde_json::to_value(&limits).unwrap();
        assert_eq!(json.as_object().unwrap().len(), Limit::ALL.len());
        assert_eq!(serde_json::from_value::<Limits>(json).unwrap(), limits);
        let json = serde_json::to_value(Limits::default()).unwrap();
        assert_eq!(json["fuel"], serde_json::Value::Null);
        assert_eq!(json["memory"], 64 << 20);
        assert_eq!(serde_json::from_value::<Limits>(json).unwrap(), Limits::default());
    }

    #[test]
    fn a_line_is_what_a_definition_says() {
        assert_eq!(Limit::Memory.line(512 << 20), "memory = \"512MiB\"");
        assert_eq!(Limit::StepTime.line(1_200_000), "step-time = \"20 min\"");
        assert_eq!(Limit::Files.line(7), "files = 7");
    }

    /// The table of the documentation has a row for each limit, with its numbers.
    #[test]
    fn the_documentation_says_the_same() {
        let text = include_str!("../../../docs/definition.md");
        for limit in Limit::ALL {
            let start = format!("| `{limit}` | {}", limit.bounded());
            let row = text.lines().find(|line| line.starts_with(&start));
            let row = row.unwrap_or_else(|| panic!("no row starts with {start}"));
            let default = limit.default_value().map(|v| limit.shown(v));
            let default = default.as_deref().unwrap_or("not counted");
            let most = match limit {
                Limit::Fuel => String::new(),
                _ => limit.shown(*limit.bounds().end()) + " ",
            };
            let end = format!("| {default} | {} | {most}|", least(*limit));
            assert!(row.ends_with(&end), "{row}\n{end}");
        }
    }

    fn least(limit: Limit) -> String {
        match *limit.bounds().start() {
            0 => "0".to_owned(),
            least => limit.shown(least),
        }
    }
}
