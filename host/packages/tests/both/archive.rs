//! A small signed archive of Debian packages, and a first tree in it that has a dpkg and an apt: the
//! builder's own, with their libraries.

use std::path::PathBuf;

use dibhost_packages::simulated::Offer;
use dibhost_sys::{Cancel, Program};
use tempfile::TempDir;

pub(crate) struct Archive {
    folder: TempDir,
    pub(crate) key: String,
}

/// Copies programs with their libraries into a package.
const FURNISH: &str = r#"
set -e
cd "$1"; shift
for p in "$@"; do
    f=$(readlink -f "$(command -v $p)")
    mkdir -p usr/bin
    cp "$f" usr/bin/$p
    (ldd "$f" || true) | grep -o '/[^ ]*' | while read l; do
        case $l in /usr/*) to=$l;; *) to=/usr$l;; esac
        mkdir -p ".$(dirname "$to")"
        [ -e ".$to" ] || cp -L "$l" ".$to"
    done
done
"#;

/// What dpkg starts, and what holds packages.
const BASE: [&str; 14] = [
    "sh",
    "dpkg",
    "dpkg-deb",
    "dpkg-query",
    "dpkg-split",
    "dpkg-trigger",
    "tar",
    "rm",
    "cat",
    "mkdir",
    "ldconfig",
    "ls",
    "apt-mark",
    "diff",
];

fn run(program: Program) -> String {
    program.run(&Cancel::new()).unwrap().text()
}

impl Archive {
    /// One that offers these; `base` is filled with programs of the builder.
    pub(crate) fn new(offers: &[Offer]) -> Self {
        let mut archive = Self { folder: TempDir::new().unwrap(), key: String::new() };
        let home = archive.path("gnupg");
        std::fs::create_dir(&home).unwrap();
        run(Program::new("chmod").arg("700").arg(&home));
        archive.gpg(&["--quick-generate-key", "Test <test@example.org>", "rsa2048", "sign", "1d"]);
        archive.key = archive.gpg(&["--armor", "--export"]);
        for offer in offers {
            archive.package(offer);
        }
        archive.index();
        archive
    }

    fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    pub(crate) fn url(&self) -> String {
        format!("copy:{}", self.path("archive").display())
    }

    fn gpg(&self, args: &[&str]) -> String {
        let common = ["--batch", "--quiet", "--yes", "--passphrase", "", "--homedir"];
        run(Program::new("gpg").args(common).arg(self.path("gnupg")).args(args))
    }

    /// Offers one more.
    pub(crate) fn offer(&self, offer: &Offer) {
        self.package(offer);
        self.index();
    }

    fn package(&self, offer: &Offer) {
        let tree = self.path("package");
        let file = |at: &str, text: &str| {
            let at = tree.join(at);
            std::fs::create_dir_all(at.parent().unwrap()).unwrap();
            std::fs::write(at, text).unwrap();
        };
        let essential = if offer.essential { "Essential: yes\n" } else { "" };
        let depends = match offer.depends.as_slice() {
            [] => String::new(),
            depends => format!("Depends: {}\n", depends.join(", ")),
        };
        file(
            "DEBIAN/control",
            &format!(
                "Package: {}\nVersion: {}\nArchitecture: all\nMaintainer: Test <t@example.org>\n\
                 {essential}{depends}Description: a package\n",
                offer.name, offer.version
            ),
        );
        file(&format!("usr/share/packages/{}", offer.name), &format!("{}\n", offer.version));
        let furnish = |programs: &[&str]| {
            run(Program::new("sh").args(["-c", FURNISH, "sh"]).arg(&tree).args(programs));
        };
        match offer.name.as_str() {
            "base" => {
                furnish(&BASE);
                file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n");
                file("etc/group", "root:x:0:\n");
                for table in ["cputable", "ostable", "tupletable"] {
                    let at = format!("usr/share/dpkg/{table}");
                    file(&at, &std::fs::read_to_string(format!("/{at}")).unwrap());
                }
            }
            "apt" => {
                file("var/lib/apt/lists/nothing", "");
                file("etc/apt/apt.conf.d/00nothing", "");
            }
            _ => (),
        }
        let pool = self.path("archive/pool");
        std::fs::create_dir_all(&pool).unwrap();
        run(Program::new("dpkg-deb")
            .args(["--root-owner-group", "-Znone", "--build"])
            .args([&tree, &pool]));
        std::fs::remove_dir_all(tree).unwrap();
    }

    fn index(&self) {
        let script = "set -e; cd \"$1\"; mkdir -p dists/one/main/binary-amd64; \
            apt-ftparchive packages pool >dists/one/main/binary-amd64/Packages; \
            apt-ftparchive -o APT::FTPArchive::Release::Suite=one \
            -o APT::FTPArchive::Release::Codename=one \
            -o APT::FTPArchive::Release::Components=main \
            -o APT::FTPArchive::Release::Architectures=amd64 release dists/one >Release; \
            mv Release dists/one/Release; rm -f dists/one/InRelease";
        run(Program::new("sh").args(["-c", script, "sh"]).arg(self.path("archive")));
        let at = |name: &str| self.path("archive/dists/one").join(name).display().to_string();
        self.gpg(&["--output", &at("InRelease"), "--clearsign", &at("Release")]);
    }
}

impl Drop for Archive {
    fn drop(&mut self) {
        // An agent was started, which must not outlive the test.
        let end = Program::new("gpgconf").arg("--homedir").arg(self.path("gnupg"));
        let _ = end.args(["--kill", "all"]).run(&Cancel::new());
    }
}
