#!/usr/bin/env python3
"""Measures how a tree of about 800 MB becomes a raw image of a GPT and an ext4.

    tests/bench/disk.py [ROUNDS]        (default 5; `make bench-disk`; needs root)

Each round makes, one after another and each time on a quiet disk:

  file     dibhost block-device build --backend file
  mke2fs   mke2fs -d of that tree alone: no table, nothing made reproducible
  loop     dibhost block-device build --backend loop
  mount    losetup, mkfs.ext4, mount, cp -a, fstrim, umount: what a script would do

The tree is made here, of a fixed seed: 36,000 files of sizes as a Debian has them, folders, links
of both kinds. All four images have the size that `file` decides. Every time ends when the bytes
are on the disk. Prints medians; memory is the largest sum of resident sets of a command and its
descendants, looked at every 5 ms. Ends with 1 where an aim is missed: `file` takes at most 1.3
times as long as `mke2fs`, and 200 MiB.
"""

import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
DIBHOST = os.environ.get("DIBHOST", str(ROOT / "out/bin/dibhost"))
TREE_BYTES = 800_000_000
AIM_RATIO, AIM_MIB = 1.3, 200
PAGE = os.sysconf("SC_PAGE_SIZE")
EPOCH = "1700000000"

LAYOUT = """\
block-device = [
  { name = "disk", type = "disk" },
  { name = "table", type = "gpt", on = "disk" },
  { name = "root", type = "partition", on = "table", partition-type = "linux-generic", size = "content" },
  { name = "root-fs", type = "filesystem", on = "root", format = "ext4", label = "root-fs", mount = "/" },
]
"""

MOUNT = """\
set -euo pipefail
truncate -s "$3" "$2"
loop=$(losetup --find --show "$2")
trap 'umount "$4" 2>/dev/null || true; losetup -d "$loop"' EXIT
mkfs.ext4 -q "$loop"
mount "$loop" "$4"
cp -a "$1/." "$4/"
fstrim "$4"
"""


def make_tree(folder: pathlib.Path) -> tuple[int, int]:
    """Fills the folder; returns how many files and bytes."""
    chance = random.Random(7)
    files = size = 0
    previous = folder
    while size < TREE_BYTES:
        if files % 12 == 0:
            depth = [f"d{chance.randrange(8)}" for _ in range(chance.randrange(4))]
            previous = folder.joinpath("usr", *depth, f"package-{files:05}")
            previous.mkdir(parents=True)
        length = min(int(chance.lognormvariate(8, 2)), 30_000_000)
        path = previous / f"file-{files:05}"
        path.write_bytes(chance.randbytes(length))
        path.chmod(0o755 if files % 9 == 0 else 0o644)
        if files % 20 == 0:
            (previous / f"link-{files:05}").symlink_to(path.name)
        if files % 100 == 0:
            os.link(path, previous / f"hard-{files:05}")
        files += 1
        size += length
    return files, size


class Memory(threading.Thread):
    """The most that a process and its descendants held at once, in MiB."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid, self.most, self.ended = pid, 0.0, threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.005):
            self.most = max(self.most, self.held(self.pid) / (1 << 20))

    def held(self, pid: int) -> int:
        """Bytes now, of a process and all below it."""
        try:
            resident = int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
            tasks = list(pathlib.Path(f"/proc/{pid}/task").iterdir())
            children = [c for t in tasks for c in (t / "children").read_text().split()]
        except (OSError, IndexError):
            return 0
        return resident + sum(self.held(int(child)) for child in children)


def run(command: list[str], output: pathlib.Path) -> tuple[float, float, float]:
    """Runs one until its output is on the disk: seconds, those of processors, MiB at most."""
    os.sync()
    environment = dict(os.environ, SOURCE_DATE_EPOCH=EPOCH)
    began = time.perf_counter()
    process = subprocess.Popen(command, env=environment)
    memory = Memory(process.pid)
    memory.start()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    memory.ended.set()
    if process.returncode != 0:
        sys.exit(f"disk.py: {' '.join(command)} ended with {process.returncode}")
    descriptor = os.open(output, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
    took = time.perf_counter() - began
    memory.join()
    return took, usage.ru_utime + usage.ru_stime, memory.most


def main() -> int:
    """Measures, prints, judges."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    if os.geteuid() != 0:
        sys.exit("disk.py: mounting a loop device needs root: `sudo make bench-disk`")
    with tempfile.TemporaryDirectory(prefix="dibhost-bench-") as name:
        work = pathlib.Path(name)
        tree, point = work / "tree", work / "mounted"
        tree.mkdir()
        point.mkdir()
        files, size = make_tree(tree)
        layout = work / "layout.toml"
        layout.write_text(LAYOUT)
        image = work / "disk.raw"
        build = [DIBHOST, "block-device", "build", str(layout), "--tree", str(tree), "-o", str(image)]
        # Reads the tree into memory once, and says how large the others are to be.
        run([*build, "--backend", "file"], image)
        whole = image.stat().st_size
        image.unlink()
        ways = {
            "file": [*build, "--backend", "file"],
            "mke2fs": ["mke2fs", "-q", "-F", "-t", "ext4", "-d", str(tree), str(image), f"{whole >> 10}k"],
            "loop": [*build, "--backend", "loop"],
            "mount": ["bash", "-c", MOUNT, "bash", str(tree), str(image), str(whole), str(point)],
        }
        print(
            f"{files} files, {size / 1e6:.0f} MB; images of {whole / 1e6:.0f} MB;"
            f" medians of {rounds} rounds"
        )
        measured = {way: [] for way in ways}
        for _ in range(rounds):
            for way, command in ways.items():
                # mke2fs says so when it is the one that makes the file.
                image.touch()
                measured[way].append(run(command, image))
                image.unlink()
        medians = {way: statistics.median(m[0] for m in all_of) for way, all_of in measured.items()}
        for way, all_of in measured.items():
            print(
                f"  {way:<8}{medians[way]:7.2f} s   fastest {min(m[0] for m in all_of):6.2f} s"
                f"   processors {statistics.median(m[1] for m in all_of):6.2f} s"
                f"   {max(m[2] for m in all_of):5.0f} MiB at most"
                f"   {medians[way] / medians['mke2fs']:5.2f} × mke2fs"
            )
        ratio, most = medians["file"] / medians["mke2fs"], max(m[2] for m in measured["file"])
        missed = ratio > AIM_RATIO or most > AIM_MIB
        print(f"  the aim: {AIM_RATIO} × mke2fs and {AIM_MIB} MiB: {'missed' if missed else 'met'}")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
