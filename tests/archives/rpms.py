"""RPM packages and signed repositories of them, made by rpmbuild, rpmsign, createrepo_c and gpg.

What a distribution is made of is said elsewhere (`fedora.py`); here is how.
"""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

# The time that all packages were made at: equal inputs give equal packages.
EPOCH = 1_700_000_000

# Debian's programs that ask not to be used for packages of Debian do so by this.
ENVIRONMENT = {
    **os.environ,
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "SOURCE_DATE_EPOCH": str(EPOCH),
    "RPM_FORCE_DEBIAN": "1",
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
}


def run(*words, **more):
    """Runs a program; what it complained of is shown when it fails."""
    done = subprocess.run(
        [str(word) for word in words],
        env=ENVIRONMENT | more.pop("env", {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        check=False,
        **more,
    )
    if done.returncode != 0:
        said = (done.stdout + done.stderr).decode(errors="replace")
        raise SystemExit(f"`{words[0]}` failed ({done.returncode}): {said[-4000:]}")
    return done.stdout.decode(errors="replace")


@dataclass
class Package:
    """A package: its files are either said here, or lie in a folder that is copied."""

    name: str
    version: str = "1"
    release: str = "1"
    arch: str = "noarch"
    requires: list = field(default_factory=list)
    provides: list = field(default_factory=list)
    recommends: list = field(default_factory=list)
    obsoletes: list = field(default_factory=list)
    # Lines of a spec file's preamble.
    preamble: list = field(default_factory=list)
    # Path and text; what is written below `/usr/bin` is executable.
    files: dict = field(default_factory=dict)
    # Lines of `%files`; none: every file that there is, and no folder.
    listed: list = None
    # Sections: `%post` and its text, `%triggerin -- app` and its.
    sections: dict = field(default_factory=dict)
    # A folder whose content it holds, and a text that is another one when that is.
    payload: str = None
    payload_key: str = ""
    # Needs and offers are found in the files, as rpm does.
    automatic: bool = False

    def key(self):
        """Another one for a package that would come out differently."""
        said = {name: value for name, value in asdict(self).items() if name != "payload"}
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:24]

    def spec(self, root):
        lines = [
            f"Name: {self.name}",
            f"Version: {self.version}",
            f"Release: {self.release}",
            "Summary: a package",
            "License: none",
            *([f"BuildArch: {self.arch}"] if self.arch == "noarch" else []),
            *([] if self.automatic else ["AutoReqProv: no"]),
            *(f"Requires: {name}" for name in self.requires),
            *(f"Provides: {name}" for name in self.provides),
            *(f"Recommends: {name}" for name in self.recommends),
            *(f"Obsoletes: {name}" for name in self.obsoletes),
            *self.preamble,
            "%description",
            "Made by a test.",
        ]
        for section, text in self.sections.items():
            lines += [section, text]
        return "\n".join([*lines, "%files", *(self.listed or found(root)), ""])

    def build(self, to):
        """Makes the package's file."""
        with tempfile.TemporaryDirectory() as work:
            work = Path(work)
            root = work / "root"
            root.mkdir()
            if self.payload:
                run("cp", "-a", f"{self.payload}/.", root)
            for path, text in self.files.items():
                at = root / path.lstrip("/")
                at.parent.mkdir(parents=True, exist_ok=True)
                at.write_text(text)
                at.chmod(0o755 if path.startswith("/usr/bin/") else 0o644)
            spec = work / "package.spec"
            spec.write_text(self.spec(root))
            macros = {
                "_topdir": work / "top",
                "_rpmdir": work / "rpms",
                "_dbpath": work / "db",
                "debug_package": "%{nil}",
                "__os_install_post": "%{nil}",
                "_build_id_links": "none",
                "_buildhost": "test",
                "_binary_payload": "w1.zstdio",
                "use_source_date_epoch_as_buildtime": "1",
                "clamp_mtime_to_source_date_epoch": "1",
            }
            defined = [w for name, value in macros.items() for w in ("--define", f"{name} {value}")]
            # rpmbuild empties the root before it begins, unless it is told that it is done.
            run("rpmbuild", "-bb", "--noclean", *defined, "--define", "__spec_install_pre %{nil}",
                "--buildroot", root, "--target", self.arch, spec)
            (made,) = (work / "rpms").rglob("*.rpm")
            partial = to.with_suffix(".partial")
            shutil.move(made, partial)
            partial.rename(to)


def found(root):
    """All that is no folder, as `%files` has it."""
    nodes = sorted(node for node in root.rglob("*") if node.is_symlink() or not node.is_dir())
    return [f'"/{node.relative_to(root)}"' for node in nodes]


@contextmanager
def keyring(kept):
    """A home of GnuPG that holds a kept key, with an agent that does not outlive it."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        shutil.copytree(kept, home, ignore=shutil.ignore_patterns("S.*"))
        home.chmod(0o700)
        try:
            yield home
        finally:
            subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)


def gpg(home, *words):
    return run("gpg", "--batch", "--quiet", "--yes", "--passphrase", "", "--homedir", home, *words)


def make_key(kept):
    """A key of a test, kept in a folder: its armoured public part is `key.asc` in it."""
    if (kept / "key.asc").exists():
        return
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        home.mkdir(mode=0o700)
        try:
            gpg(home, "--quick-generate-key", f"{kept.name} <test@example.org>", "rsa2048", "sign",
                "never")
            (home / "key.asc").write_text(gpg(home, "--armor", "--export"))
        finally:
            subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)
        shutil.copytree(home, kept, ignore=shutil.ignore_patterns("S.*"))


def sign(home, packages):
    """Signs packages' files."""
    if packages:
        run("rpmsign", "--addsign", "--define", f"_gpg_path {home}",
            "--define", "_gpg_name test@example.org",
            "--define", "__gpg /usr/bin/gpg", *packages)


def index(folder, home, comps=None, modules=None):
    """Makes a repository of a folder: its indexes, signed."""
    words = ["createrepo_c", "--quiet", "--general-compress-type=gz", "--no-database",
             "--set-timestamp-to-revision", "--revision", EPOCH]
    with tempfile.TemporaryDirectory() as work:
        if comps:
            (Path(work) / "comps.xml").write_text(comps)
            words += ["--groupfile", Path(work) / "comps.xml"]
        run(*words, folder)
        if modules:
            (Path(work) / "modules.yaml").write_text(modules)
            run("modifyrepo_c", "--mdtype=modules", Path(work) / "modules.yaml", folder / "repodata")
    repomd = folder / "repodata/repomd.xml"
    gpg(home, "--armor", "--output", f"{repomd}.asc", "--detach-sign", repomd)
