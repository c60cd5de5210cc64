"""The payload of Debian's packages: what small distributions of tests are filled with."""

import fnmatch
import shutil
import subprocess
import tempfile
from pathlib import Path

from rpms import run

# Folders of a merged `/usr`: Debian's packages have files below both.
MERGED = ("bin", "sbin", "lib", "lib64")


def versions(packages):
    """Which of each apt would give."""
    found = {}
    for stanza in run("apt-cache", "--no-all-versions", "show", *packages).split("\n\n"):
        fields = dict(line.split(": ", 1) for line in stanza.splitlines() if ": " in line)
        if fields:
            found[fields["Package"]] = fields["Version"]
    return found


def needed_by(packages):
    """All packages that apt could install for these, themselves included."""
    without = ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")
    said = run("apt-cache", "depends", "--recurse", *(f"--no-{kind}" for kind in without), *packages)
    return sorted({line for line in said.splitlines() if line[:1] not in (" ", "<", "|", "")})


def newest_kernel(package):
    """The release of the kernel that a package without files depends on."""
    for line in run("apt-cache", "depends", package).splitlines():
        if "Depends: linux-image-" in line:
            return line.split("linux-image-")[1].strip()
    raise SystemExit(f"`{package}` depends on no kernel")


def unpacked(packages, wanted, cache):
    """A folder with those files of these packages that a pattern is of, `/usr` merged. A pattern `A=B` is
    the file A under the name B."""
    root = Path(tempfile.mkdtemp(dir=cache))
    renamed = dict(pattern.split("=") for pattern in wanted if "=" in pattern)
    with tempfile.TemporaryDirectory() as folder:
        for package in packages:
            run("dpkg-deb", "-x", fetched(package, cache), folder)
        whole = Path(folder)
        for node in sorted(whole.rglob("*")):
            inside = str(node.relative_to(whole))
            if inside.split("/")[0] in MERGED:
                inside = f"usr/{inside}"
            if node.is_dir() and not node.is_symlink():
                continue
            names = {inside} if any(fnmatch.fnmatch(f"/{inside}", one) for one in wanted) else set()
            if f"/{inside}" in renamed:
                names.add(renamed[f"/{inside}"].lstrip("/"))
            for name in names:
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(node, root / name, follow_symlinks=False)
    return root


def fetched(package, cache):
    """The file of a package, fetched as this machine fetches its own."""
    version = versions([package])[package].replace(":", "%3a")
    kept = cache / f"{package}_{version}.deb"
    if not kept.exists():
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            # apt's own user writes into it, where there is one.
            Path(folder).chmod(0o777)
            subprocess.run(["apt-get", "-qq", "download", package], cwd=folder, check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            (made,) = Path(folder).glob("*.deb")
            made.rename(kept)
    return kept
