"""The builders that dibhost is measured beside: diskimage-builder (DIB) and mkosi.

DIB 3.43 is built by `dib.sh`. mkosi is that of Debian 13, which Debian 12 runs with the tools tree that
mkosi makes for itself. Both are kept, with their downloads, in the folder `CACHE`.
"""

import os
import resource
import shutil
import subprocess
import sys
import time

BENCH = os.path.dirname(os.path.abspath(__file__))
CACHE = os.path.join(
    os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "dibhost/bench"
)


def measured(command, **options):
    """Wall and CPU seconds of a program and of all that it waited for."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.monotonic()
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **options
    )
    wall = time.monotonic() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{done.stdout[-4000:]}")
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return wall, cpu


def dib(warm_up=False):
    """Builds `debian-minimal vm` by DIB, which makes all of it each time, whatever changed."""
    options = [] if warm_up else ["--no-warm-up"]
    command = [os.path.join(BENCH, "dib.sh"), "--dib-runs", "1", "--dibhost-runs", "0", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = [line for line in done.stdout.splitlines() if line.startswith("  dib: wall and CPU")]
    if done.returncode != 0 or len(said) != 1:
        sys.exit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    wall, cpu = said[0].split(":")[-1].split()
    return float(wall), float(cpu)


def archive(suite):
    """The archive of a suite in this machine's own apt sources."""
    asked = "$(RELEASE) $(COMPONENT) $(CREATED_BY) $(REPO_URI)"
    said = subprocess.check_output(["apt-get", "indextargets", "--format", asked], text=True)
    for line in said.splitlines():
        release, component, made_by, uri = line.split()
        if (release, component, made_by) == (suite, "main", "Packages"):
            return uri.rstrip("/")
    sys.exit(f"the apt sources of this machine name no archive with the suite {suite}")


class Mkosi:
    """A disk of Debian 12 with a kernel, as a raw image: mkosi 25 makes no qcow2."""

    def __init__(self):
        self.at = os.path.join(CACHE, "mkosi")
        self.image = os.path.join(self.at, "image")
        os.makedirs(self.image, exist_ok=True)
        mirror = archive("bookworm")
        self.sources = {suite: self._sources(suite, mirror) for suite in ("bookworm", "trixie")}
        self.program = self._program()
        self._write("mkosi.conf", self._configuration(mirror))

    def _write(self, path, text):
        path = os.path.join(self.image, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)

    def _sources(self, suite, mirror):
        # mkosi's own name archives that are not mirrored.
        folder = os.path.join(self.at, f"sources-{suite}")
        text = f"Types: deb\nURIs: {mirror}\nSuites: {suite}\nComponents: main\n"
        text += "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
        self._write(os.path.join(folder, "etc/apt/sources.list.d/mkosi.sources"), text)
        return folder

    def _program(self):
        folder = os.path.join(self.at, "program")
        if not os.path.exists(folder):
            apt = os.path.join(self.at, "apt")
            shutil.rmtree(apt, ignore_errors=True)
            for part in ("state/lists/partial", "cache/archives/partial"):
                os.makedirs(os.path.join(apt, part))
            sources = os.path.join(self.sources["trixie"], "etc/apt/sources.list.d")
            options = [
                f"Dir::State={apt}/state",
                f"Dir::Cache={apt}/cache",
                "Dir::Etc::SourceList=/dev/null",
                f"Dir::Etc::SourceParts={sources}",
                "APT::Sandbox::User=root",
            ]
            options = [word for option in options for word in ("-o", option)]
            measured(["apt-get", *options, "update"])
            measured(["apt-get", *options, "download", "mkosi"], cwd=apt)
            (package,) = [name for name in os.listdir(apt) if name.endswith(".deb")]
            measured(["dpkg-deb", "-x", os.path.join(apt, package), folder])
        return os.path.join(folder, "usr/lib/python3/dist-packages")

    def _configuration(self, mirror):
        return f"""[Distribution]
Distribution=debian
Release=bookworm
Mirror={mirror}

[Output]
Format=disk

[Content]
Packages=linux-image-amd64 systemd systemd-sysv udev dbus curl openssh-server cloud-init
Bootable=no

[Build]
SandboxTrees={self.sources["bookworm"]}
ToolsTree=default
ToolsTreeDistribution=debian
ToolsTreeRelease=trixie
ToolsTreeMirror={mirror}
ToolsTreeSandboxTrees={self.sources["trixie"]}
"""

    def build(self, greeting, incremental):
        """Builds it; a file that is placed after all packages says `greeting`."""
        self._write("mkosi.extra/srv/greeting", f"{greeting}\n")
        said = f"--incremental={'yes' if incremental else 'no'}"
        command = ["/usr/bin/python3", "-m", "mkosi", said, "--force", "build"]
        environment = {**os.environ, "PYTHONPATH": self.program}
        return measured(command, cwd=self.image, env=environment)
