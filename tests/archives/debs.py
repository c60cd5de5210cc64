"""Debian packages and signed archives of them, made by dpkg-deb, apt-ftparchive and gpg.

What a distribution is made of is said elsewhere (`ubuntu.py`); here is how.
"""

import os
import subprocess
import tempfile
from pathlib import Path

from rpms import gpg, run


def closure(wanted):
    """The files (as apt calls them) of all packages that an empty tree gets with these."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "status").touch()
        Path(folder, "archives/partial").mkdir(parents=True)
        said = run(
            "apt-get", "-qq", "--print-uris", "-o", f"Dir::State::status={folder}/status",
            "-o", f"Dir::Cache::archives={folder}/archives", "-o", "APT::Install-Recommends=false",
            # Of the two that see to a merged `/usr`, the one that has nothing to do.
            "install", "?essential", "?exact-name(usrmerge)-", *wanted,
        )
    files = [line.split()[1] for line in said.splitlines() if line.startswith("'")]
    return {file.split("_")[0]: file for file in files}


def fetched(files, cache):
    """The files of packages by their names, fetched as this machine fetches its own, all at once."""
    missing = [name for name, file in files.items() if not (cache / file).exists()]
    if missing:
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            # apt's own user writes into it, where there is one.
            Path(folder).chmod(0o777)
            subprocess.run(["apt-get", "-qq", "download", *missing], cwd=folder, check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            for made in Path(folder).glob("*.deb"):
                made.rename(cache / made.name)
    return {name: cache / file for name, file in files.items()}


def changed(deb, to, change):
    """A package made of another one: `change` is given its unpacked folder. Owners and modes stay, for
    which it takes root."""
    with tempfile.TemporaryDirectory(dir=to.parent) as folder:
        root = Path(folder) / "root"
        run("dpkg-deb", "-R", deb, root)
        change(root)
        sums = root / "DEBIAN/md5sums"
        if sums.exists():
            files = [line.split("  ", 1)[1] for line in sums.read_text().splitlines()]
            sums.write_text(run("md5sum", *files, cwd=root))
        build(root, to)


def made(to, control, files=None):
    """A package of these fields and files."""
    with tempfile.TemporaryDirectory(dir=to.parent) as folder:
        root = Path(folder) / "root"
        fields = {"Architecture": "all", "Maintainer": "Test <test@example.org>",
                  "Description": "made by a test", **control}
        for path, content in {
            "DEBIAN/control": "".join(f"{name}: {value}\n" for name, value in fields.items()).encode(),
            **(files or {}),
        }.items():
            at = root / path.lstrip("/")
            at.parent.mkdir(parents=True, exist_ok=True)
            at.write_bytes(content)
        run("chmod", "-R", "u=rwX,go=rX", root)
        build(root, to)


def build(root, to):
    part = to.with_suffix(".part")
    run("dpkg-deb", "-Zgzip", "--build", root, part)
    part.rename(to)


def version(root, new):
    """Gives an unpacked package another version."""
    control = root / "DEBIAN/control"
    lines = [f"Version: {new}" if line.startswith("Version: ") else line
             for line in control.read_text().splitlines()]
    control.write_text("\n".join(lines) + "\n")


def suite(top, home, name, components, fields):
    """Adds a signed suite to an archive: components with the packages' files of each."""
    release = top / "dists" / name
    for component, debs in components.items():
        pool = top / "pool" / name / component
        pool.mkdir(parents=True)
        for deb in debs:
            os.link(deb, pool / deb.name)
        index = release / component / "binary-amd64"
        index.mkdir(parents=True)
        (index / "Packages").write_text(
            run("apt-ftparchive", "packages", pool.relative_to(top), cwd=top))
        run("xz", "--keep", index / "Packages")
    fields = {"Suite": name, "Components": " ".join(components), "Architectures": "amd64", **fields}
    options = [word for key, value in fields.items()
               for word in ("-o", f"APT::FTPArchive::Release::{key}={value}")]
    text = run("apt-ftparchive", *options, "release", release.relative_to(top), cwd=top)
    (release / "Release").write_text(text)
    gpg(home, "--output", release / "InRelease", "--clearsign", release / "Release")
    gpg(home, "--armor", "--output", release / "Release.gpg", "--detach-sign", release / "Release")
