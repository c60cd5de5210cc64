//! What options of `disk-image-create`, and variables that say the same, come to here.

use dibhost_text::{format_size, parse_size};
use serde_json::{Map, Value, json};

use super::fate::{DibRefusal, DibRemark, Fate};
use super::option::DibOption;
use crate::diagnostic::Diagnostic;
use crate::node::Text;
use crate::option::of_mkfs;
use dibhost_block_device::Position;

/// An option as it was given.
#[derive(Debug, Clone)]
pub struct DibGiven {
    /// Which.
    pub option: &'static DibOption,
    /// Its value; empty for one that takes none.
    pub value: String,
    /// As a person knows it: `--image-size`, `DIB_IMAGE_SIZE`.
    pub by: String,
}

/// What options come to: what a definition says of it, and what is the program's own affair.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DibRequest {
    /// The keys of a definition that say the same.
    pub definition: Map<String, Value>,
    /// Where downloads are kept.
    pub cache: Option<String>,
    /// No memory for the tree.
    pub no_tmpfs: bool,
    /// Every line is told.
    pub verbose: bool,
    /// The file that lines are written into.
    pub logfile: Option<String>,
    /// The image's name, with a folder before it.
    pub output: Option<String>,
    /// Formats with commas between them.
    pub formats: Option<String>,
    /// The machine.
    pub arch: Option<String>,
    /// Packages, in their order.
    pub packages: Vec<String>,
    /// What has another effect than in DIB, or none.
    pub remarks: Vec<DibRemark>,
}

/// What the options come to; `filesystem` is the root filesystem's kind, for options of its mkfs.
///
/// # Errors
/// All that cannot be done.
pub fn request(given: &[DibGiven], filesystem: &str) -> Result<DibRequest, Vec<DibRefusal>> {
    let mut request = DibRequest::default();
    let mut refused = Vec::new();
    for given in given {
        if let Err(refusal) = take(&mut request, given, filesystem) {
            refused.push(refusal);
        }
    }
    if refused.is_empty() { Ok(request) } else { Err(refused) }
}

fn take(request: &mut DibRequest, given: &DibGiven, filesystem: &str) -> Result<(), DibRefusal> {
    let DibGiven { option, value, by } = given;
    let text = || Some(value.clone());
    match (option.id(), option.fate) {
        ("a", _) => request.arch = text(),
        ("o", _) => request.output = text(),
        ("t", _) => request.formats = text(),
        ("x", _) => request.verbose = true,
        ("logfile", _) => request.logfile = text(),
        ("image-cache", _) => request.cache = text(),
        ("no-tmpfs", _) => request.no_tmpfs = true,
        ("p", _) => {
            let packages = value.split([',', ' ']).map(str::trim).filter(|p| !p.is_empty());
            request.packages.extend(packages.map(str::to_owned));
        }
        ("u", _) => set(request, "image", "qcow2-compression", json!("none")),
        ("root-label", _) => set(request, "root-filesystem", "label", json!(value)),
        ("image-size", _) => {
            let size = size(value, 1 << 30, by, "a size in GiB, as `20` or `2.5`, or `20GB`")?;
            set(request, "disk", "size", json!(format_size(size)));
        }
        ("image-extra-size", _) => {
            let size = size(value, 1 << 20, by, "a size in MiB, as `500`, or `1GiB`")?;
            set(request, "root-filesystem", "free-space", json!(format_size(size)));
        }
        ("max-online-resize", _) => {
            let size = size(value, 4096, by, "a number of blocks of 4 KiB, or a size, as `1TiB`")?;
            set(request, "root-filesystem", "max-online-resize", json!(format_size(size)));
        }
        ("mkfs-options", _) => mkfs_options(request, value, by, filesystem)?,
        ("qemu-img-options", _) => qemu_img_options(request, value, by)?,
        ("install-type", _) if value == "package" => {}
        ("install-type", _) => {
            let message = format!("`{by}` is `{}`", value.escape_debug());
            let help = "write `package`, or leave it out: everything is installed from packages";
            return Err(DibRefusal::new(message, help));
        }
        (_, Fate::Nothing(why)) => {
            request.remarks.push(DibRemark::told(format!("`{by}` changes nothing: {why}")));
        }
        (_, Fate::Instead(help)) => {
            return Err(DibRefusal::new(
                format!("`{by}` means nothing here"),
                format!("write {help}"),
            ));
        }
        (_, Fate::NotYet(help)) => {
            return Err(DibRefusal::new(format!("`{by}` is not there yet"), help));
        }
        (_, Fate::Same(_)) => {}
    }
    Ok(())
}

fn set(request: &mut DibRequest, table: &str, key: &str, value: Value) {
    let table = request.definition.entry(table).or_insert_with(|| json!({}));
    // As `getopt` has it, the last one counts.
    table[key] = value;
}

/// Bytes: a number of `unit`s, with decimals or none, or a size with its own unit.
fn size(text: &str, unit: u64, by: &str, wanted: &str) -> Result<u64, DibRefusal> {
    let refuse = || {
        let message = format!("`{by}` is `{}`, which is no size", text.escape_debug());
        DibRefusal::new(message, format!("write {wanted}"))
    };
    let number = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if !number {
        return parse_size(text).map_err(|_| refuse());
    }
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(decimals) || decimals.len() > 6 {
        return Err(refuse());
    }
    let millionths: u64 = format!("{decimals:0<6}").parse().map_err(|_| refuse())?;
    let whole: u64 = whole.parse().map_err(|_| refuse())?;
    let part = u128::from(unit) * u128::from(millionths) / 1_000_000;
    let bytes = u128::from(whole) * u128::from(unit) + part;
    // To whole KiB, as DIB has it, which a disk is made of anyway.
    let bytes = if part == 0 { bytes } else { bytes.div_ceil(1024) * 1024 };
    u64::try_from(bytes).ok().filter(|bytes| *bytes > 0).ok_or_else(refuse)
}

/// Options of mkfs become the settings that say the same.
fn mkfs_options(
    request: &mut DibRequest,
    text: &str,
    by: &str,
    kind: &str,
) -> Result<(), DibRefusal> {
    let mut diagnostics: Vec<Diagnostic> = Vec::new();
    let options = Text { text: text.to_owned(), at: Position::START };
    let tuning = of_mkfs(kind, &options, &mut diagnostics)
        .map_err(|wrong| DibRefusal::new(format!("`{by}`: {}", wrong.problem), wrong.help))?;
    for said in diagnostics {
        let text = format!("`{by}`: {}: {}", said.problem, said.help);
        request.remarks.push(DibRemark::warned(text));
    }
    for (key, value) in tuning {
        if key == "max-online-resize" {
            let bytes = value.parse().map_or(value, format_size);
            set(request, "root-filesystem", &key, json!(bytes));
            continue;
        }
        let root = request.definition.entry("root-filesystem").or_insert_with(|| json!({}));
        root["tuning"][&key] = json!(value);
    }
    Ok(())
}

fn qemu_img_options(request: &mut DibRequest, text: &str, by: &str) -> Result<(), DibRefusal> {
    for option in text.split(',').map(str::trim).filter(|option| !option.is_empty()) {
        match option.split_once('=') {
            Some(("compression_type", kind @ ("zlib" | "zstd"))) => {
                set(request, "image", "qcow2-compression", json!(kind));
            }
            // What a qcow2 is here anyway: version 3, clusters of 64 KiB, no more than is in it.
            Some(("compat", "1.1" | "v3"))
            | Some(("cluster_size", "64k" | "64K" | "65536"))
            | Some(("preallocation", "off"))
            | Some(("lazy_refcounts", "off"))
            | Some(("refcount_bits", "16")) => {}
            _ => {
                let message = format!("`{by}`: `{}` means nothing here", option.escape_debug());
                let help = "`compression_type=zlib` and `zstd` do; a qcow2 has version 3 and clusters \
                            of 64 KiB, and `qemu-img convert` makes another one of it";
                return Err(DibRefusal::new(message, help));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::option::{OPTIONS, option};

    fn of(options: &[(&str, &str)]) -> Result<DibRequest, Vec<DibRefusal>> {
        let given = |(id, value): &(&str, &str)| {
            let option = option(id).unwrap();
            DibGiven { option, value: (*value).to_owned(), by: option.typed() }
        };
        request(&options.iter().map(given).collect::<Vec<_>>(), "ext4")
    }

    fn definition(options: &[(&str, &str)]) -> Value {
        Value::Object(of(options).unwrap().definition)
    }

    #[test]
    fn sizes_have_dibs_units_or_their_own() {
        for (id, value, said) in [
            ("image-size", "20", json!({ "disk": { "size": "20 GiB" } })),
            ("image-size", "2.5", json!({ "disk": { "size": "2560 MiB" } })),
            ("image-size", "6GiB", json!({ "disk": { "size": "6 GiB" } })),
            ("image-extra-size", "100", json!({ "root-filesystem": { "free-space": "100 MiB" } })),
            (
                "max-online-resize",
                "274877906944",
                json!({ "root-filesystem": { "max-online-resize": "1 PiB" } }),
            ),
        ] {
            assert_eq!(definition(&[(id, value)]), said, "{id} {value}");
        }
        for (id, value) in [
            ("image-size", ""),
            ("image-size", "0"),
            ("image-size", "five"),
            ("image-size", "1.2.3"),
            ("image-size", "-1"),
            ("image-size", "99999999999999"),
            ("max-online-resize", "big"),
        ] {
            let wrong = of(&[(id, value)]).unwrap_err();
            assert!(wrong[0].message.contains("is no size"), "{id} {value}: {wrong:?}");
        }
    }

    #[test]
    fn options_of_programs_are_taken_apart() {
        assert_eq!(
            definition(&[("mkfs-options", "-i 16384 -E resize=1073741824 -J size=64")]),
            json!({ "root-filesystem": {
                "max-online-resize": "4 TiB", "tuning": { "inode-ratio": "16384" }
            } })
        );
        assert_eq!(
            definition(&[("u", ""), ("qemu-img-options", "compat=1.1,compression_type=zlib")]),
            json!({ "image": { "qcow2-compression": "zlib" } })
        );
        for (id, value, words) in [
            ("mkfs-options", "-O ^metadata_csum", "the option `-O` of"),
            ("qemu-img-options", "encrypt.format=luks", "encrypt.format=luks"),
            ("qemu-img-options", "compat=0.10", "compat=0.10"),
            ("install-type", "source", "`source`"),
            ("offline", "", "not there yet"),
            ("docker-target", "a/b", "not there yet"),
        ] {
            let wrong = of(&[(id, value)]).unwrap_err();
            assert!(wrong[0].message.contains(words), "{id} {value}: {wrong:?}");
        }
    }

    #[test]
    fn all_that_cannot_be_done_is_said_at_once() {
        assert_eq!(of(&[("offline", ""), ("image-size", "x"), ("u", "")]).unwrap_err().len(), 2);
    }

    /// A value for each option that takes one, with which it is done; none: it never is.
    #[test]
    fn every_option_does_something_or_says_something() {
        for option in &OPTIONS {
            let value = match option.id() {
                "image-size" | "image-extra-size" | "max-online-resize" => "1",
                "mkfs-options" => "-i 8192",
                "qemu-img-options" => "compression_type=zlib",
                "install-type" => continue,
                _ if option.value.is_some() => "x",
                _ => "",
            };
            let given = DibGiven { option, value: value.to_owned(), by: option.typed() };
            let request = request(&[given], "ext4");
            match option.fate {
                Fate::Same(_) if ["help", "c"].contains(&option.id()) => {}
                Fate::Same(_) => assert_ne!(request.unwrap(), DibRequest::default(), "{option:?}"),
                Fate::Nothing(why) => {
                    assert!(request.unwrap().remarks[0].text.contains(why), "{option:?}");
                }
                Fate::Instead(help) | Fate::NotYet(help) => {
                    assert!(request.unwrap_err()[0].help.contains(help), "{option:?}");
                }
            }
        }
    }
}
