//! Names of owners, as the target itself knows them.

use dibhost_check::Check;

use super::Rooted;
use crate::error::TargetError;
use crate::path::TargetPath;
use crate::tree::Scope;

/// More than any real account file has; a hostile one gains nothing by being larger.
const FILE_MAX: u64 = 4 << 20;

impl Rooted {
    pub(super) fn user(&self, name: &str) -> Result<u32, TargetError> {
        self.id(name, "/etc/passwd", "user")
    }

    pub(super) fn group(&self, name: &str) -> Result<u32, TargetError> {
        self.id(name, "/etc/group", "group")
    }

    fn id(&self, name: &str, file: &str, what: &str) -> Result<u32, TargetError> {
        if name == "root" {
            return Ok(0);
        }
        if name.bytes().all(|b| b.is_ascii_digit()) {
            // The highest number means "leave as it is" to the kernel.
            return name
                .parse()
                .ok()
                .filter(|id| !Check::Owner.holds() || *id != u32::MAX)
                .ok_or_else(|| TargetError::Invalid(format!("`{name}` is no number of a {what}")));
        }
        let path = TargetPath::new(file).map_err(|e| TargetError::Invalid(e.to_string()))?;
        let content = match self.read(&Scope::all(), &path, 0, FILE_MAX) {
            Ok(content) => content,
            Err(TargetError::NotFound(_) | TargetError::Conflict(_)) => Vec::new(),
            Err(error) => return Err(error),
        };
        find(&content, name).ok_or_else(|| {
            TargetError::Invalid(format!("the target has no {what} `{name}` (`{file}`)"))
        })
    }
}

/// The third field of the line whose first field is the name, as in passwd(5) and group(5).
fn find(content: &[u8], name: &str) -> Option<u32> {
    content.split(|b| *b == b'\n').find_map(|line| {
        let mut fields = line.split(|b| *b == b':');
        if fields.next()? != name.as_bytes() {
            return None;
        }
        let id = std::str::from_utf8(fields.nth(1)?).ok()?;
        id.parse().ok().filter(|id| *id != u32::MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn names_are_found_and_nonsense_is_passed_over() {
        let file = b"root:x:0:0:root:/root:/bin/sh\n\xff\xfe::\nsshd\nsshd:x:many\nsshd:x:105:65534\nhuge:x:4294967295:1";
        assert_eq!(find(file, "sshd"), Some(105));
        assert_eq!(find(file, "huge"), None);
        assert_eq!(find(file, "ssh"), None);
        assert_eq!(find(b"", "root"), None);
    }
}
