#!/usr/bin/env python3
"""Measures what a build takes that was built before, in one run, beside diskimage-builder and mkosi:

  cold       nothing but downloads is there (--no-cache)
  first      the same, and layers are kept
  nothing    the definition is as it was, and the outputs are there
  moved      the outputs are not there: the tree comes back, disk and image are made
  late       a file that is placed after all packages says something else
  parameter  a parameter of an element is another one
  behind     the first tree is there, and everything after it is new
  base       another package: the first tree is made anew
  one        one image, and nothing but downloads is there
  twelve     twelve of that base, all at once, and nothing but downloads is there

DIB makes all of it whatever changed. mkosi keeps the tree behind its packages (`Incremental=`); it makes
a raw image without a boot loader, dibhost and DIB a qcow2 with one.

    tests/bench/cache.py [--runs N] [--dib-runs N] [--mkosi-runs N]

N: 10 of the short ones, 1 of the long ones; DIB 1; mkosi 3 (0 leaves it out). Prints wall and CPU seconds:
medians of the runs. Needs root, the built program, and a mirror; `make bench-cache` installs what it needs.
"""

import argparse
import os
import shlex
import shutil
import statistics
import tempfile

import peers
from peers import measured

ROOT = os.path.dirname(os.path.dirname(peers.BENCH))
DIBHOST = os.environ.get("DIBHOST", os.path.join(ROOT, "out/bin/dibhost"))
CACHE = os.path.join(peers.CACHE, "dibhost-cache")


def write(work, name="cached", package="curl", early="one", late="one", timeout=1):
    """Writes a definition; the words that build it. `early` and `late` are said by a command each, before
    and behind all that elements do."""
    path = os.path.join(work, f"{name}.toml")
    with open(path, "w") as file:
        file.write(f"""packages = ["{package}"]

[image]
name = "{name}"
elements = ["debian-minimal", "vm", "openssh-server", "cloud-init"]

[parameters.bootloader]
timeout = {timeout}

[[commands]]
phase = "pre-install"
run = ["sh", "-c", "echo {early} > /srv/early"]

[[commands]]
phase = "finalise"
run = ["sh", "-c", "echo {late} > /srv/late"]
""")
    return [DIBHOST, "build", path, "-o", os.path.join(work, name)]


def forget():
    """Downloads and compiled elements stay."""
    for kept in ("layers", "outputs", "clusters"):
        shutil.rmtree(os.path.join(CACHE, kept), ignore_errors=True)


def at_once(commands):
    """Wall and CPU seconds of programs that run side by side."""
    script = "".join(f"{shlex.join(command)} & " for command in commands)
    # The shell ends badly where one of them does.
    waits = "failed=0; for job in $(jobs -p); do wait $job || failed=1; done; exit $failed"
    return measured(["bash", "-c", script + waits])


def row(name, times, one):
    results = [one(i) for i in range(times)]
    wall, cpu = (statistics.median(column) for column in zip(*results))
    print(f"{name:<16} {wall:8.2f} s wall {cpu:8.2f} s CPU   ({times} runs)", flush=True)
    return wall, cpu


def dibhost(work, runs):
    """Rows of dibhost: name and medians."""
    rows = {}

    def put(name, times, one):
        rows[name] = row(name, times, one)

    def build(*options, **changed):
        return measured([*write(work, **changed), *options])

    def cold(_):
        return build("--no-cache")

    def moved(_):
        os.unlink(os.path.join(work, "cached.qcow2"))
        return build()

    def one(_):
        forget()
        return build()

    def twelve(_):
        forget()
        return at_once([write(work, name=f"image-{i}", late=f"image {i}") for i in range(12)])

    build("--no-cache")
    forget()
    put("cold", 1, cold)
    put("first", 1, lambda _: build())
    put("nothing", runs, lambda _: build())
    put("moved", runs, moved)
    put("late", runs, lambda i: build(late=f"late {i}"))
    put("parameter", runs, lambda i: build(timeout=2 + i))
    put("behind", 3, lambda i: build(early=f"early {i}"))
    put("base", 1, lambda _: build(package="wget"))
    put("one", 1, one)
    put("twelve", 1, twelve)
    return rows


def mkosi(runs):
    built = peers.Mkosi()
    # Its tools tree, its downloads.
    built.build("nothing", incremental=False)
    row("mkosi cold", 1, lambda _: built.build("cold", incremental=False))
    row("mkosi first", 1, lambda _: built.build("first", incremental=True))
    row("mkosi late", runs, lambda i: built.build(f"late {i}", incremental=True))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--dib-runs", type=int, default=1)
    parser.add_argument("--mkosi-runs", type=int, default=3)
    asked = parser.parse_args()
    os.environ["DIBHOST_CACHE"] = CACHE
    os.environ.setdefault("DIBHOST_ELEMENTS", os.path.join(ROOT, "out/elements"))
    with tempfile.TemporaryDirectory(dir="/var/tmp") as work:
        rows = dibhost(work, asked.runs)
    if asked.mkosi_runs:
        mkosi(asked.mkosi_runs)
    if asked.dib_runs:
        peers.dib(warm_up=True)
        wall, cpu = row("DIB", asked.dib_runs, lambda _: peers.dib())
        print("\nof DIB's:          wall      CPU")
        for name in ("cold", "behind"):
            print(f"{name:<16} {rows[name][0] / wall:7.2f} {rows[name][1] / cpu:8.2f}")
    print(f"\ntwelve of one's: {rows['twelve'][0] / rows['one'][0]:7.2f}")


main()
