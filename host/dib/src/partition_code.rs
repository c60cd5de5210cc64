//! Partition types as DIB's files have them: `sgdisk`'s four hexadecimal digits or a GUID for a
//! GPT, the one byte of a partition entry for an MBR.

use dibhost_block_device::{mbr_type_name, partition_type};

/// The codes of `sgdisk -L` that a Linux image has a use for, and our names of what they mean.
const CODES: &[(u16, &str)] = &[
    (0x0700, "microsoft-basic-data"),
    (0x4100, "prep"),
    (0x8200, "swap"),
    (0x8300, "linux-generic"),
    (0x8302, "home"),
    (0x8303, "root-x86"),
    (0x8304, "root-x86-64"),
    (0x8305, "root-arm64"),
    (0x8306, "srv"),
    (0x8307, "root-arm"),
    (0x8309, "luks"),
    (0x830c, "root-x86-64-verity"),
    (0x8310, "var"),
    (0x8311, "tmp"),
    (0x8312, "user-home"),
    (0x8314, "usr-x86-64"),
    (0x8316, "usr-arm64"),
    (0x8e00, "linux-lvm"),
    (0xea00, "xbootldr"),
    (0xef00, "esp"),
    (0xef02, "bios-boot"),
    (0xfd00, "linux-raid"),
];

/// Data that is no filesystem: what an MBR has for a partition that GRUB writes itself into.
const NO_FILESYSTEM: u8 = 0xda;

fn hexadecimal(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("0x").or(text.strip_prefix("0X")).unwrap_or(text);
    let hex = (1..=4).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    if hex { u16::from_str_radix(digits, 16).ok() } else { None }
}

/// The type of a partition of a GPT. `Err` says what to write.
pub(super) fn of_gpt(text: &str) -> Result<&str, String> {
    // What `sgdisk` takes besides: a GUID.
    if text.contains('-') && partition_type(text).is_some() {
        return Ok(text);
    }
    let known = hexadecimal(text).and_then(|code| {
        // `sgdisk` takes the one byte of an MBR as the first two digits of its code.
        let code = if code <= 0xff { code << 8 } else { code };
        CODES.iter().find(|(known, _)| *known == code)
    });
    known.map(|(_, name)| *name).ok_or_else(|| {
        let codes: Vec<String> = CODES.iter().map(|(code, _)| format!("{code:04X}")).collect();
        format!("write a GUID, or one of `{}`", codes.join("`, `"))
    })
}

/// What the type of a partition of an MBR is, and what had to be made of a GPT's.
pub(super) struct OfMbr {
    /// A name of ours, or two digits.
    pub(super) type_id: String,
    /// The byte, if the text was a GPT's code.
    pub(super) translated: Option<u8>,
}

/// The type of a partition of an MBR. `Err` says what to write.
pub(super) fn of_mbr(text: &str) -> Result<OfMbr, String> {
    let code = hexadecimal(text).filter(|code| *code != 0);
    let help = || "write the byte in hexadecimal: `0x83`, `0x8e`, `0xef` or another".to_owned();
    let code = code.ok_or_else(help)?;
    let (byte, translated) = match u8::try_from(code) {
        Ok(byte) => (byte, None),
        Err(_) => {
            let byte = match code {
                0xef02 => NO_FILESYSTEM,
                // Their kind is in the code's first two digits, as `sgdisk -L` has them.
                _ if CODES.iter().any(|(known, _)| *known == code) => (code >> 8) as u8,
                _ => return Err(help()),
            };
            (byte, Some(byte))
        }
    };
    if [0x05, 0x0f, 0x85, 0xee].contains(&byte) {
        return Err("write what the partition holds: extended partitions are made as needed".into());
    }
    let type_id = mbr_type_name(byte).map_or_else(|| format!("{byte:02x}"), str::to_owned);
    Ok(OfMbr { type_id, translated })
}

#[cfg(test)]
mod tests {
    use super::*;
    use dibhost_block_device::{PARTITION_TYPES, mbr_type};

    #[test]
    fn every_code_has_a_name_of_ours() {
        for (_, name) in CODES {
            assert!(PARTITION_TYPES.iter().any(|(known, _)| known == name), "{name}");
        }
        for byte in 1..=u8::MAX {
            if let Some(name) = mbr_type_name(byte) {
                assert!(PARTITION_TYPES.iter().any(|(known, _)| *known == name), "{name}");
                assert_eq!(mbr_type(name), Some(byte));
            }
        }
    }

    #[test]
    fn types_of_a_gpt() {
        for (text, name) in [
            ("EF00", "esp"),
            ("ef02", "bios-boot"),
            ("8300", "linux-generic"),
            ("83", "linux-generic"),
            ("0x4100", "prep"),
            ("0700", "microsoft-basic-data"),
        ] {
            assert_eq!(of_gpt(text), Ok(name), "{text}");
        }
        let guid = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B";
        assert_eq!(of_gpt(guid), Ok(guid));
        for bad in ["", "esp", "0x", "12345", "beef", "-", "83 00"] {
            assert!(of_gpt(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn types_of_an_mbr() {
        let of = |text: &str| of_mbr(text).map(|of| (of.type_id, of.translated)).ok();
        assert_eq!(of("83"), Some(("linux-generic".into(), None)));
        assert_eq!(of("0x41"), Some(("prep".into(), None)));
        assert_eq!(of("0xc"), Some(("microsoft-basic-data".into(), None)));
        assert_eq!(of("0x17"), Some(("17".into(), None)));
        assert_eq!(of("EF00"), Some(("esp".into(), Some(0xef))));
        assert_eq!(of("EF02"), Some(("da".into(), Some(0xda))));
        assert_eq!(of("8E00"), Some(("linux-lvm".into(), Some(0x8e))));
        for bad in ["", "0", "05", "0x0f", "ee", "esp", "beef", "10000"] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }
}
