"""What an element can do while the image is built."""

from __future__ import annotations

import dataclasses

from .errors import Error
from .plan import Both


@dataclasses.dataclass(frozen=True)
class Output:
    """How a program ended, and what it said."""

    status: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self):
        """Standard output as text."""
        return self.stdout.decode(errors="replace")


class Tree:
    """The tree of the image, within what was granted."""

    def __init__(self, host):
        self._host = host

    def read(self, path):
        """All bytes of a file."""
        return self._host.read(path)

    def read_text(self, path):
        """A file as text."""
        try:
            return self.read(path).decode()
        except UnicodeDecodeError:
            raise Error(f"`{path}` is no text in UTF-8", code="invalid-argument") from None

    def exists(self, path):
        """Whether anything is there."""
        return self._host.kind(path) is not None

    def kind(self, path):
        """`file`, `directory`, `symlink`, …; None: nothing is there."""
        return self._host.kind(path)

    def list(self, path, *, recursive=False):
        """The paths in a folder, in order."""
        return self._host.walk(path, recursive)

    def write(self, path, content, *, mode=None, owner=None, group=None):
        """Makes a file, in the place of one that is there."""
        content = content.encode() if isinstance(content, str) else bytes(content)
        self._host.change("write", path, content, (mode, owner, group))

    def append(self, path, content):
        """Adds to the end of a file that is there."""
        content = content.encode() if isinstance(content, str) else bytes(content)
        self._host.change("append", path, content, (None, None, None))

    def directory(self, path, *, mode=None, owner=None, group=None):
        """Makes a directory and those above it."""
        self._host.change("directory", path, None, (mode, owner, group))

    def symlink(self, path, to):
        """Makes a symbolic link that says `to`."""
        self._host.change("symlink", path, to, (None, None, None))

    def remove(self, path):
        """Removes a file or a tree; nothing there is fine."""
        self._host.change("remove", path, None, (None, None, None))

    def write_secret(self, path, secret, *, mode=0o600, owner=None, group=None):
        """Places a secret unread."""
        self._host.write_secret(path, secret, (mode, owner, group))

    def place(self, blob, path, *, mode=None, owner=None, group=None):
        """Places what was fetched as a file."""
        self._host.place(blob, path, (mode, owner, group))

    def unpack(self, archive, path, strip=0):
        """Unpacks what was fetched, a tar archive, below a path."""
        self._host.unpack(archive, path, strip)

    def place_input(self, input, path, *, owner=None, group=None):
        """Places an input below a path, without its bytes going through the element."""
        self._host.place_input(input, path, owner, group)


class Run(Both):
    """The running half of a step."""

    @property
    def rootfs(self):
        """The tree of the image."""
        return Tree(self._host)

    def exec(self, program, *args, env=None, workdir=None, stdin=None, network=False,
             allow_failure=False, timeout_seconds=None):
        """Runs a program of the image and waits for it: no shell. Standard output is in the answer."""
        stdin = stdin.encode() if isinstance(stdin, str) else stdin
        return self._host.exec(str(program), [str(a) for a in args], dict(env or {}), workdir, stdin,
                               network, allow_failure, timeout_seconds)

    def fetch(self, url, digest):
        """The file of this digest from outside: a blob, for `place` and `unpack`."""
        return self._host.fetch(url, digest)

    def emit(self, suffix, content):
        """Puts bytes beside the image, under its name and `suffix`."""
        content = content.encode() if isinstance(content, str) else bytes(content)
        self._host.emit(suffix, content)
