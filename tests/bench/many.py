#!/usr/bin/env python3
"""Measures trees that are large in one way: many files, one folder of many names, large files with holes.

    tests/bench/many.py [CASE …]        (default all; `make bench-many`; needs root)

Each case is built by `dibhost block-device build`, by the back-end `file` and by the kernel's way beside it:
the back-end `loop` where the kernel can mount the filesystem and write to it, else the program that makes
it, over the same tree:

  names-200k   200,000 files of 0 to 8 KiB in 2,000 folders      ext4 xfs btrfs squashfs erofs
  folder-50k   50,000 files in one folder                        ext4 xfs btrfs squashfs erofs
  sparse-20g   one file of 20 GB of which 40 MB are written      ext4 xfs btrfs squashfs erofs
  long-8k      8,000 long names in one folder                    vfat
  large-4g     one file of 4 GiB - 32 KiB, all written            vfat

Prints wall seconds, CPU seconds and the peak of memory (the largest sum of resident sets of a command and
its descendants, looked at every 10 ms). Ends with 1 where `file` takes 1.5 times as long as the kernel's
way, or 200 MiB.
"""

import os
import pathlib
import random
import resource
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
DIBHOST = os.environ.get("DIBHOST", str(ROOT / "out/bin/dibhost"))
AIM_RATIO, AIM_MIB = 1.5, 200
PAGE = os.sysconf("SC_PAGE_SIZE")

LAYOUT = """\
block-device = [
  {{ name = "disk", type = "disk" }},
  {{ name = "table", type = "gpt", on = "disk" }},
  {{ name = "part", type = "partition", on = "table", size = "content" }},
  {{ name = "fs", type = "filesystem", on = "part", format = "{format}" }},
  {{ name = "mount", type = "mount", on = "fs", at = "/" }},
]
"""


def noise(seed, length):
    return random.Random(seed).randbytes(length)


def names_200k(tree):
    pick = random.Random(1)
    for folder in range(2000):
        path = tree / f"folder-{folder}"
        path.mkdir()
        for name in range(100):
            (path / f"name-{name}").write_bytes(noise(name, pick.randrange(8192)))


def folder_50k(tree):
    folder = tree / "folder"
    folder.mkdir()
    for name in range(50_000):
        (folder / f"name-{name}").write_bytes(b"x")


def sparse_20g(tree):
    with open(tree / "sparse", "wb") as file:
        for at in range(40):
            file.seek(at * 500_000_000)
            file.write(noise(at, 1_000_000))
        file.truncate(20_000_000_000)


def long_8k(tree):
    folder = tree / "entries"
    folder.mkdir()
    for name in range(8000):
        (folder / f"a-loader-entry-with-a-long-name-{name}.conf").write_bytes(b"x")


def large_4g(tree):
    with open(tree / "large", "wb") as file:
        for _ in range(63):
            file.write(noise(1, 64 << 20))
        file.write(noise(1, (64 << 20) - (32 << 10)))


MOUNTED = ("ext4", "xfs", "btrfs", "squashfs", "erofs")
CASES = {
    "names-200k": (names_200k, MOUNTED),
    "folder-50k": (folder_50k, MOUNTED),
    "sparse-20g": (sparse_20g, MOUNTED),
    "long-8k": (long_8k, ("vfat",)),
    "large-4g": (large_4g, ("vfat",)),
}


def resident(pid):
    """Bytes of a process and all below it."""
    total, waiting = 0, [pid]
    while waiting:
        pid = waiting.pop()
        try:
            with open(f"/proc/{pid}/statm") as file:
                total += int(file.read().split()[1]) * PAGE
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/children") as file:
                    waiting += map(int, file.read().split())
        except (OSError, IndexError):
            pass
    return total


def measured(command):
    """Wall and CPU seconds, and the peak of memory in MiB."""
    peak = 0
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.monotonic()
    with tempfile.TemporaryFile("w+") as said:
        running = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT)
        done = threading.Event()

        def look():
            nonlocal peak
            while not done.wait(0.01):
                peak = max(peak, resident(running.pid))

        looking = threading.Thread(target=look)
        looking.start()
        code = running.wait()
        wall = time.monotonic() - begun
        done.set()
        looking.join()
        if code != 0:
            said.seek(0)
            sys.exit(f"{' '.join(map(str, command))}\n{said.read()[-3000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return wall, cpu, peak / (1 << 20)


def by_dibhost(work, tree, format, backend):
    layout = work / "layout.toml"
    layout.write_text(LAYOUT.format(format=format))
    image = work / f"{format}-{backend}.raw"
    return [DIBHOST, "block-device", "build", layout, "--tree", tree, "-o", image, "--backend", backend]


def by_program(work, tree, format):
    """The program that makes a filesystem which the kernel does not write to."""
    image = work / f"{format}-alone"
    if format == "squashfs":
        return ["mksquashfs", tree, image, "-noappend", "-quiet", "-no-progress"]
    if format == "erofs":
        return ["mkfs.erofs", "-zlz4", image, tree]
    size = sum(path.stat().st_size // 512 + 80 for path in tree.rglob("*")) * 512 + (64 << 20)
    script = 'truncate -s "$1" "$2" && mkfs.vfat -F 32 "$2" >/dev/null && cd "$3" && mcopy -s -m -i "$2" * ::'
    return ["sh", "-c", script, "sh", str(size), image, tree]


def main():
    asked = sys.argv[1:] or list(CASES)
    os.environ["SOURCE_DATE_EPOCH"] = "1700000000"
    missed = False
    for case in asked:
        make, formats = CASES[case]
        with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
            work = pathlib.Path(folder)
            tree = work / "tree"
            tree.mkdir()
            make(tree)
            for format in formats:
                file = measured(by_dibhost(work, tree, format, "file"))
                mounted = format in ("ext4", "xfs", "btrfs")
                by_loop = by_dibhost(work, tree, format, "loop")
                other = by_loop if mounted else by_program(work, tree, format)
                beside = measured(other)
                name = "loop" if mounted else "mcopy" if other[0] == "sh" else other[0]
                for image in work.glob(f"{format}-*"):
                    image.unlink()
                ratio = file[0] / beside[0]
                bad = ratio >= AIM_RATIO or file[2] >= AIM_MIB
                missed |= bad
                print(
                    f"{case:<11} {format:<9} file {file[0]:7.2f} s {file[1]:7.2f} CPU-s {file[2]:5.0f} MiB"
                    f"   {name:<10} {beside[0]:7.2f} s {beside[1]:7.2f} CPU-s   {ratio:5.2f}"
                    + ("   missed" if bad else ""),
                    flush=True,
                )
    sys.exit(missed)


main()
