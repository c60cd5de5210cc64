"""What an element can do while planning: provide and read facts, and wish."""

from __future__ import annotations

from .element import Finding
from .facts import readers, slot_of, written


class Both:
    """What both halves of a step have."""

    def __init__(self, host, step):
        self._host = host
        self._step = step

    @property
    def step(self):
        """The name of the step that is called."""
        return self._step.called

    @property
    def machine(self):
        """The machine that the image is for: `arch`, `image_name`, `source_date_epoch`."""
        return self._host.machine()

    def provide(self, key, value):
        """Provides a fact; `key` tells the values of one element in a slot apart."""
        self._host.provide(slot_of(type(value)).name, key, written(value))

    def consume(self, class_):
        """All values of a slot, each with who provided it."""
        return readers(class_, self._host.consume(slot_of(class_).name))

    def consume_optional(self, class_):
        """The one value of a slot, or None."""
        found = self.consume(class_)
        return found[0].value if found else None

    def input(self, name):
        """A file or folder of the builder that the definition names: `.files()`, `.read_text(path)`."""
        return self._host.input(name)

    def log(self, message, level="info"):
        """One line in the log."""
        self._host.log(level, str(message))


class Plan(Both):
    """The planning half of a step. Nothing here has effects."""

    def __init__(self, host, step):
        super().__init__(host, step)
        self.findings = []

    def package(self, name, reason, *, want="install", version=None):
        """Wishes for a package; `want` is `install`, `build-only`, `remove` or `hold`."""
        self._host.package(name, reason, want, version)

    def file(self, path, content, *, mode=None, owner=None, group=None):
        """Wishes for a file: text or bytes, root's and 0644 unless it is said."""
        content = content.encode() if isinstance(content, str) else bytes(content)
        self._host.wish_file("file", path, content, (mode, owner, group))

    def directory(self, path, *, mode=None, owner=None, group=None):
        """Wishes for a directory, and those above it."""
        self._host.wish_file("directory", path, None, (mode, owner, group))

    def symlink(self, path, to):
        """Wishes for a symbolic link that says `to`."""
        self._host.wish_file("symlink", path, to, (None, None, None))

    def remove(self, path):
        """Wishes for nothing at this path."""
        self._host.wish_file("removed", path, None, (None, None, None))

    def service(self, unit, state="enabled"):
        """Wishes for the state of a unit: `enabled`, `disabled` or `masked`."""
        self._host.service(unit, state)

    def define_unit(self, unit, content):
        """Writes `/etc/systemd/system/UNIT`."""
        self._host.define_unit(unit, content)

    def user(self, name, **about):
        """Wishes for a user: `uid`, `gid`, `home`, `shell`, `groups`, `system`, `authorized_keys`,
        `comment`, `sudo`, `password_hash`, `expires`, `change_password`."""
        self._host.user(name, about)

    def group(self, name, gid=None):
        """Wishes for a group."""
        self._host.group(name, gid)

    def set_password(self, user, secret):
        """Sets a password without reading it."""
        self._host.set_password(user, secret)

    def add_nodes(self, nodes):
        """Adds nodes of the block device: `disk(…)`, `table(…)`, `partition(…)`, …"""
        self._host.add_nodes(list(nodes))

    def warn(self, message, *, parameter=None, help=None):
        """A remark that the plan shows."""
        self.findings.append(Finding(message, False, parameter, help))

    def refuse(self, message, *, parameter=None, help=None):
        """A remark that stops the build before anything is built."""
        self.findings.append(Finding(message, True, parameter, help))
