#!/usr/bin/env python3
"""Measures what a build takes that was built before, in one run:

  cold       nothing but downloads is there (--no-cache)
  first      the same, and layers are kept
  nothing    the definition is as it was, and the outputs are there
  moved      the outputs are not there: the tree comes back, disk and image are made
  late       a file that is placed after all packages says something else
  base       another package: the first tree is made anew

    tests/bench/cache.py [--runs N]      (default 10 of the short ones, 1 of cold, first and base)

Prints wall and CPU seconds: medians of the runs. Needs root, the built program, and a mirror.
"""

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DIBHOST = os.environ.get("DIBHOST", os.path.join(ROOT, "out/bin/dibhost"))
CACHE = os.path.join(
    os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "dibhost/bench/dibhost-cache"
)


def definition(greeting, package):
    return f"""packages = ["{package}"]

[image]
name = "cached"
elements = ["debian-minimal", "vm"]

[[commands]]
phase = "finalise"
run = ["sh", "-c", "echo {greeting} > /srv/greeting"]
"""


def build(work, greeting="one", package="curl", options=()):
    path = os.path.join(work, "cached.toml")
    with open(path, "w") as file:
        file.write(definition(greeting, package))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.monotonic()
    command = [DIBHOST, "build", path, "-o", os.path.join(work, "cached"), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wall = time.monotonic() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return wall, cpu


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=10)
    runs = parser.parse_args().runs
    os.environ["DIBHOST_CACHE"] = CACHE
    os.environ.setdefault("DIBHOST_ELEMENTS", os.path.join(ROOT, "out/elements"))
    shutil.rmtree(os.path.join(CACHE, "layers"), ignore_errors=True)
    shutil.rmtree(os.path.join(CACHE, "outputs"), ignore_errors=True)
    measured = {}

    def row(name, times, one):
        measured[name] = [one(i) for i in range(times)]
        wall = statistics.median(wall for wall, _ in measured[name])
        cpu = statistics.median(cpu for _, cpu in measured[name])
        print(f"{name:<9} {wall:8.2f} s wall {cpu:8.2f} s CPU   ({times} runs)", flush=True)

    with tempfile.TemporaryDirectory(dir="/var/tmp") as work:
        image = os.path.join(work, "cached.qcow2")
        # Downloads are there, and compiled elements.
        build(work, options=["--no-cache"])
        row("cold", 1, lambda _: build(work, options=["--no-cache"]))
        row("first", 1, lambda _: build(work))
        row("nothing", runs, lambda _: build(work))

        def moved(_):
            os.unlink(image)
            return build(work)

        row("moved", runs, moved)
        row("late", runs, lambda i: build(work, greeting=f"late-{i}"))
        row("base", 1, lambda _: build(work, package="wget"))


main()
