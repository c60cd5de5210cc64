//! Options that DIB hands to programs as they are: `opts` of a `mkfs`, `options` of LVM's.
//!
//! None of these words reaches a program here. Those with a meaning for us become a typed setting,
//! those without an effect on the disk are left out, and all others are refused, so that nobody
//! gets a disk that lacks what was asked for.

use super::diagnostic::Diagnostic;
use super::node::Text;
use super::yaml::escaped;
use dibhost_block_device::{FileError as DibError, Position};

/// Words of an option list, one after another, with `--name=value` and `-i4096` taken apart.
struct Words<'a> {
    words: Vec<(&'a str, Position)>,
    next: usize,
}

/// An option with what it may take as its value.
struct Word<'a> {
    /// `-i` or `--name`.
    name: &'a str,
    /// What is stuck to it: `4096` of `-i4096`, `x` of `--name=x`.
    stuck: Option<&'a str>,
    at: Position,
}

impl<'a> Words<'a> {
    fn next(&mut self) -> Option<Word<'a>> {
        let (word, at) = *self.words.get(self.next)?;
        self.next += 1;
        if word.starts_with("--") {
            return Some(match word.split_once('=') {
                Some((name, value)) => Word { name, stuck: Some(value), at },
                None => Word { name: word, stuck: None, at },
            });
        }
        let short = word.starts_with('-') && word.is_char_boundary(2) && word.len() > 2;
        Some(match short {
            true => Word { name: &word[..2], stuck: Some(&word[2..]), at },
            false => Word { name: word, stuck: None, at },
        })
    }

    fn value(&mut self, word: &Word<'a>) -> Result<&'a str, DibError> {
        if let Some(stuck) = word.stuck {
            return Ok(stuck);
        }
        let next = self.words.get(self.next).map(|(text, _)| *text);
        self.next += 1;
        next.ok_or_else(|| {
            let problem = format!("the option `{}` has no value", escaped(word.name));
            DibError::new(word.at, problem, "write one behind it")
        })
    }
}

fn refuse<T>(of: &str, word: &Word<'_>, value: Option<&str>, help: &str) -> Result<T, DibError> {
    let mut shown = escaped(word.name);
    if let Some(value) = value.or(word.stuck) {
        shown = format!("{shown} {}", escaped(value));
    }
    let problem = format!("the option `{shown}` of `{of}` has no meaning here");
    Err(DibError::new(word.at, problem, help))
}

const LEAVE_OUT: &str = "leave it out, or say it by a key";

/// Settings of a filesystem, for `NodeKind::Filesystem::tuning`.
pub(super) fn of_mkfs(
    kind: &str,
    options: &Text,
    diagnostics: &mut Vec<Diagnostic>,
) -> Result<Vec<(String, String)>, DibError> {
    let words = options.text.split(' ').filter(|word| !word.is_empty());
    let mut words = Words { words: words.map(|word| (word, options.at)).collect(), next: 0 };
    let mut tuning: Vec<(String, String)> = Vec::new();
    if kind == "swap" {
        if !words.words.is_empty() {
            let problem = "`opts` of swap space are left out, as DIB does";
            diagnostics.push(Diagnostic::warning(options.at, problem, "leave them out"));
        }
        return Ok(tuning);
    }
    while let Some(word) = words.next() {
        let of = format!("mkfs -t {}", escaped(kind));
        let mut set = |key: &str, value: String| {
            // As the programs have it, the last one counts.
            tuning.retain(|(known, _)| known != key);
            tuning.push((key.to_owned(), value));
        };
        match (kind, word.name) {
            ("ext2" | "ext3" | "ext4", "-q" | "-v" | "-F" | "-D" | "-K") => {}
            ("ext2" | "ext3" | "ext4", "-i") => set("inode-ratio", words.value(&word)?.into()),
            ("ext2" | "ext3" | "ext4", "-m") => set("reserved-percent", words.value(&word)?.into()),
            // What they are here anyway.
            ("ext2" | "ext3" | "ext4", "-b" | "-I") => {
                let value = words.value(&word)?;
                let is = if word.name == "-b" { "4096" } else { "256" };
                if value != is {
                    return refuse(&of, &word, Some(value), &format!("it is {is} bytes here"));
                }
            }
            ("ext2" | "ext3" | "ext4", "-J") => {
                let value = words.value(&word)?;
                if value.strip_prefix("size=").is_none_or(|n| n.parse::<u32>().is_err()) {
                    return refuse(&of, &word, Some(value), "write `-J size=` and MiB");
                }
                // `disk-image-create` always passes one.
                let problem = format!("the option `-J {value}` of `{of}` is left out");
                let help = "the journal is as large as the filesystem's size asks for";
                diagnostics.push(Diagnostic::warning(word.at, problem, help));
            }
            ("ext2" | "ext3" | "ext4", "-E") => {
                let value = words.value(&word)?;
                for extended in value.split(',') {
                    match extended.split_once('=') {
                        Some(("resize", blocks)) => {
                            // Blocks of 4 KiB, which is what mke2fs takes for all but the smallest.
                            let bytes = blocks.parse().ok().and_then(|n: u64| n.checked_mul(4096));
                            let Some(bytes) = bytes else {
                                let help = "write `-E resize=` and a number of blocks";
                                return refuse(&of, &word, Some(extended), help);
                            };
                            set("max-online-resize", bytes.to_string());
                        }
                        Some(("lazy_itable_init" | "lazy_journal_init", "0" | "1")) => {}
                        None if ["nodiscard", "discard"].contains(&extended) => {}
                        _ => return refuse(&of, &word, Some(extended), LEAVE_OUT),
                    }
                }
            }
            ("xfs" | "btrfs", "-q" | "-f" | "-K") => {}
            ("vfat" | "fat", "-v" | "-I" | "-a") => {}
            ("vfat" | "fat", "-F") => set("fat-bits", words.value(&word)?.into()),
            ("ext2" | "ext3" | "ext4" | "xfs" | "btrfs", "-L") | ("vfat" | "fat", "-n") => {
                return refuse(&of, &word, None, "write `label`");
            }
            ("ext2" | "ext3" | "ext4" | "btrfs", "-U") | ("vfat" | "fat", "-i") => {
                return refuse(&of, &word, None, "write `uuid`");
            }
            _ => return refuse(&of, &word, None, LEAVE_OUT),
        }
    }
    Ok(tuning)
}

/// What options of LVM's programs say that has a meaning here.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct LvmOptions {
    /// Bytes of an extent, from `vgcreate`.
    pub(super) extent_size: Option<u64>,
    /// From `lvcreate`.
    pub(super) stripes: Option<u32>,
}

/// A size as LVM's programs read it: powers of 1024 whatever the letter's case, MiB without one.
fn lvm_size(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let shift = match unit.to_ascii_lowercase().as_str() {
        "b" => 0,
        "k" => 10,
        "" | "m" => 20,
        "g" => 30,
        _ => return None,
    };
    number.parse::<u32>().ok().map(|n| u64::from(n) << shift)
}

/// Options of `pvcreate`, `vgcreate` or `lvcreate`.
pub(super) fn of_lvm(
    program: &str,
    options: &[Text],
    diagnostics: &mut Vec<Diagnostic>,
) -> Result<LvmOptions, DibError> {
    let words = options.iter().map(|text| (text.text.as_str(), text.at)).collect();
    let mut words = Words { words, next: 0 };
    let mut meant = LvmOptions::default();
    while let Some(word) = words.next() {
        // They say how loud a program is, what it asks and what it wipes, and a new disk is empty.
        const NO_EFFECT: &[&str] =
            &["--force", "--yes", "--quiet", "--verbose", "--noudevsync", "-f", "-y", "-q", "-v"];
        const NO_EFFECT_OF_VALUE: &[&str] =
            &["--wipesignatures", "-W", "--zero", "-Z", "--autobackup", "-A"];
        // They move or tag metadata: a disk without them holds the same.
        const LEFT_OUT: &[&str] = &[
            "--addtag",
            "--metadatasize",
            "--dataalignment",
            "--dataalignmentoffset",
            "--metadatacopies",
            "--pvmetadatacopies",
            "--vgmetadatacopies",
            "--readahead",
            "-r",
        ];
        match (program, word.name) {
            (_, name) if NO_EFFECT.contains(&name) => {}
            (_, name) if NO_EFFECT_OF_VALUE.contains(&name) => {
                words.value(&word)?;
            }
            (_, name) if LEFT_OUT.contains(&name) => {
                words.value(&word)?;
                let problem = format!("the option `{name}` of `{program}` is left out");
                diagnostics.push(Diagnostic::warning(word.at, problem, "the layout decides it"));
            }
            ("vgcreate", "-s" | "--physicalextentsize") => {
                let value = words.value(&word)?;
                let fine =
                    |bytes: &u64| bytes.is_power_of_two() && (4096..=1 << 34).contains(bytes);
                let Some(bytes) = lvm_size(value).filter(fine) else {
                    let problem = format!("an extent of `{}`", escaped(value));
                    let help = "write a power of two from `4k` to `16g`";
                    return Err(DibError::new(word.at, problem, help));
                };
                meant.extent_size = Some(bytes);
            }
            ("lvcreate", "-i" | "--stripes") => {
                let value = words.value(&word)?;
                let stripes = value.parse::<u32>().ok().filter(|n| (1..=128).contains(n));
                let Some(stripes) = stripes else {
                    let problem = format!("`{}` stripes", escaped(value));
                    return Err(DibError::new(word.at, problem, "write from 1 to 128"));
                };
                meant.stripes = Some(stripes);
            }
            _ => return refuse(program, &word, None, "leave it out"),
        }
    }
    Ok(meant)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Position = Position { line: 7, column: 3 };

    fn mkfs(kind: &str, options: &str) -> Result<Vec<(String, String)>, String> {
        let options = Text { text: options.into(), at: AT };
        of_mkfs(kind, &options, &mut Vec::new()).map_err(|why| why.to_string())
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
    }

    #[test]
    fn what_disk_image_create_passes_is_understood() {
        let all = "-E resize=536870912 -i 4096 -J size=64 -m1 -b 4096 -q";
        assert_eq!(
            mkfs("ext4", all).unwrap(),
            pairs(&[
                ("max-online-resize", "2199023255552"),
                ("inode-ratio", "4096"),
                ("reserved-percent", "1"),
            ])
        );
        assert_eq!(mkfs("ext4", "-i 1 -i 8192").unwrap(), pairs(&[("inode-ratio", "8192")]));
        assert_eq!(mkfs("vfat", "-F32").unwrap(), pairs(&[("fat-bits", "32")]));
        assert_eq!(mkfs("xfs", "-f  -K").unwrap(), []);
    }

    #[test]
    fn what_has_no_meaning_is_refused_with_its_place() {
        for (kind, options) in [
            ("ext4", "-d /etc"),
            ("ext4", "-E offset=0"),
            ("ext4", "-L x"),
            ("ext4", "-J device=/dev/sda"),
            ("ext4", "-b 1024"),
            ("ext4", "-O ^metadata_csum"),
            ("vfat", "-s 8"),
            ("xfs", "-d name=/dev/sda"),
            ("xfs", "-p /etc/passwd"),
            ("btrfs", "--rootdir=/etc"),
            ("vfat", "-C"),
            ("squashfs", "-x"),
            ("ext4", "/dev/sda"),
            ("ext4", "-i"),
            ("ext4", "-ä"),
        ] {
            let why = mkfs(kind, options).unwrap_err();
            assert!(why.starts_with("7:3: the option `"), "{kind} {options}: {why}");
        }
    }

    #[test]
    fn lvm_options() {
        let of = |program: &str, options: &[&str]| {
            let text = |text: &&str| Text { text: (*text).into(), at: AT };
            let options: Vec<Text> = options.iter().map(text).collect();
            let mut diagnostics = Vec::new();
            let meant = of_lvm(program, &options, &mut diagnostics);
            meant.map(|meant| (meant, diagnostics.len())).map_err(|why| why.to_string())
        };
        assert_eq!(of("pvcreate", &["--force"]), Ok((LvmOptions::default(), 0)));
        let extent = LvmOptions { extent_size: Some(32 << 20), stripes: None };
        assert_eq!(of("vgcreate", &["--force", "-s", "32"]), Ok((extent, 0)));
        let stripes = LvmOptions { extent_size: None, stripes: Some(2) };
        assert_eq!(of("lvcreate", &["--stripes=2", "-Wy"]), Ok((stripes, 0)));
        assert_eq!(of("lvcreate", &["--addtag", "x"]).unwrap().1, 1);
        for (program, options) in [
            ("lvcreate", ["-s", "8m"]),
            ("vgcreate", ["-i", "2"]),
            ("vgcreate", ["-s", "5m"]),
            ("lvcreate", ["--config", "x"]),
            ("pvcreate", ["--restorefile", "/etc/passwd"]),
            ("lvcreate", ["-i", "0"]),
        ] {
            assert!(of(program, &options).unwrap_err().starts_with("7:3: "), "{program}");
        }
    }
}
