//! What the images of containers call a processor.

/// The names that OCI, which takes Go's, has for a processor that Debian calls so: its own, and its
/// variant.
#[must_use]
pub fn oci_platform(arch: &str) -> (&str, Option<&'static str>) {
    match arch {
        "i386" => ("386", None),
        "arm64" => ("arm64", Some("v8")),
        "armhf" => ("arm", Some("v7")),
        "armel" => ("arm", Some("v5")),
        "ppc64el" => ("ppc64le", None),
        "mips64el" => ("mips64le", None),
        "loong64" => ("loong64", None),
        // amd64, s390x, riscv64.
        other => (other, None),
    }
}

#[cfg(test)]
mod tests {
    use super::oci_platform;

    #[test]
    fn processors_have_the_names_of_oci() {
        assert_eq!(oci_platform("amd64"), ("amd64", None));
        assert_eq!(oci_platform("ppc64el"), ("ppc64le", None));
        assert_eq!(oci_platform("armhf"), ("arm", Some("v7")));
    }
}
