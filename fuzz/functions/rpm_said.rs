use dibhost_packages::rpm::primary;
use dibhost_packages::rpm::said::{checked, complaints, failed_scripts, full, signature};
use dibhost_packages::zypper::read_summary;

/// What rpm says has the words of packages' scripts in it, what gpgv says those of keys, and what zypper and a
/// list of packages say those of whoever made the packages.
pub(crate) fn rpm_said(data: &[u8]) {
    let said = String::from_utf8_lossy(data);
    // A signature is good by a line that begins so, and by no other.
    if signature(&said).is_ok() {
        assert!(said.lines().any(|line| line.starts_with("[GNUPG:] VALIDSIG")));
    }
    if checked(&said, "/w/a.rpm").is_ok() {
        assert!(said.lines().any(|line| line.starts_with("/w/a.rpm: digests signatures OK")));
    }
    let _ = (read_summary(&said), primary::parse(&said));
    let _ = (complaints(&said), full(&said));
    for failed in failed_scripts(&said) {
        assert!(failed.script.starts_with('%') && said.contains(&failed.package));
    }
}
