"""A host in memory: an element's own tests run natively, with no component, no root and no image.

It holds the element to its own description, as a real host does: what was not declared is
`undeclared`, what was not requested `denied`, a wish while running and an effect while planning
refused.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import json
import types

from . import call
from .element import describe
from .errors import Error
from .facts import Provided, slot_of, written
from .run import Output


@dataclasses.dataclass
class Planned:
    """What a step wished for, provided and remarked on while planning."""

    findings: list = dataclasses.field(default_factory=list)
    packages: list = dataclasses.field(default_factory=list)
    files: list = dataclasses.field(default_factory=list)
    services: dict = dataclasses.field(default_factory=dict)
    units: dict = dataclasses.field(default_factory=dict)
    users: dict = dataclasses.field(default_factory=dict)
    groups: list = dataclasses.field(default_factory=list)
    passwords: list = dataclasses.field(default_factory=list)
    nodes: list = dataclasses.field(default_factory=list)
    facts: list = dataclasses.field(default_factory=list)
    log: list = dataclasses.field(default_factory=list)

    def provided(self, class_):
        """The values of a fact that it provided."""
        return [value for value in self.facts if isinstance(value, class_)]


@dataclasses.dataclass
class Ran:
    """What a step did."""

    skipped: str | None = None
    commands: list = dataclasses.field(default_factory=list)
    facts: list = dataclasses.field(default_factory=list)
    outputs: dict = dataclasses.field(default_factory=dict)
    log: list = dataclasses.field(default_factory=list)

    def provided(self, class_):
        """The values of a fact that it provided."""
        return [value for value in self.facts if isinstance(value, class_)]


class TestHost:
    """`TestHost().parameter("text", "Hello").run(Motd, "install")`."""

    __test__ = False  # No test of pytest's.

    def __init__(self):
        self.parameters = {}
        self.secrets = {}
        self.facts = []
        self.tree = {"/": ("directory", None, (None, None, None))}
        self.inputs = {}
        self.answers = {}
        self.outside = {}
        self.about = types.SimpleNamespace(arch="amd64", image_name="image", source_date_epoch=0)

    def parameter(self, name, value):
        """Sets a parameter."""
        self.parameters[name] = value
        return self

    def secret(self, parameter, value):
        """Sets the secret that a parameter names."""
        self.secrets[parameter] = value.encode() if isinstance(value, str) else value
        return self

    def fact(self, provider, key, value):
        """A fact that another element provided."""
        self.facts.append((slot_of(type(value)).name, Provided(provider, "install", "install", key, written(value))))
        return self

    def file(self, path, content):
        """A file that is in the image."""
        self._put(path, ("file", content.encode() if isinstance(content, str) else content, (None, None, None)))
        return self

    def directory(self, path):
        """A directory that is in the image."""
        self._put(path, ("directory", None, (None, None, None)))
        return self

    def input_file(self, name, path, content):
        """A file of an input that the definition names."""
        content = content.encode() if isinstance(content, str) else content
        self.inputs.setdefault(name, {})[path] = content
        return self

    def answer(self, program, *, status=0, stdout="", stderr=""):
        """How a program of the image answers."""
        self.answers[program] = Output(status, stdout.encode(), stderr.encode())
        return self

    def outside_file(self, url, digest, content):
        """What is outside at a URL."""
        self.outside[url] = (digest, content.encode() if isinstance(content, str) else content)
        return self

    def plan(self, class_, step):
        """Plans a step."""
        made = Planned()
        made.findings = call.plan(class_, Call(self, class_, step, True, made), str(step))
        return made

    def run(self, class_, step):
        """Runs a step on the tree of this host."""
        made = Ran()
        skipped = call.run(class_, Call(self, class_, step, False, made), str(step))
        made.skipped = skipped.why if skipped else None
        return made

    def text(self, path):
        """A file of the tree as text."""
        kind, content, _ = self.tree.get(path, (None, None, None))
        assert kind == "file", f"`{path}` is no file of the tree"
        return content.decode()

    def exists(self, path):
        """Whether anything is at a path."""
        return path in self.tree

    def _put(self, path, node):
        parts = path.strip("/").split("/")
        for end in range(1, len(parts)):
            above = "/" + "/".join(parts[:end])
            if self.tree.setdefault(above, ("directory", None, (None, None, None)))[0] != "directory":
                raise Error(f"`{above}` is no directory", code="os", detail="ENOTDIR")
        self.tree[path] = node

    def _drop(self, path):
        for found in [p for p in self.tree if p == path or p.startswith(path.rstrip("/") + "/")]:
            if found != "/":
                del self.tree[found]


class HeldInput:
    """An input in memory."""

    def __init__(self, files):
        self._files = files

    def files(self):
        """The paths of its files, in order."""
        return sorted(self._files)

    def read(self, path=""):
        """All bytes of a file."""
        if path not in self._files:
            raise Error(f"there is no `{path}` in the input", code="not-found")
        return self._files[path]

    def read_text(self, path=""):
        """A file as text."""
        return self.read(path).decode()


class HeldSecret:
    """A secret in memory."""

    def __init__(self, call, parameter):
        self.call, self.parameter = call, parameter

    def open(self):
        """Its bytes, where the element asked for that."""
        if self.call.planning:
            raise Error("a secret is opened while running only", code="denied")
        self.call.requested("secret", f"open {self.parameter}")
        return self.call.host.secrets[self.parameter]


class Call:
    """One call, and the rules that a real host holds it to."""

    def __init__(self, host, class_, step, planning, made):
        self.host, self.planning, self.made = host, planning, made
        self.description = describe(class_)
        self.step = call.step_named(self.description, str(step))

    def requested(self, capability, subject):
        """Whether the element asked for it."""
        for request in self.description.requests:
            if request.capability == capability and fnmatch.fnmatchcase(subject, request.scope):
                return
        raise Error(f"`{capability}` was not requested for `{subject}`", code="denied",
                    help=f"Add `Request(\"{capability}\", \"{subject}\", \"why\")` to `requests`.")

    def wish(self, capability, subject):
        """A wish is made while planning, within what was requested."""
        if not self.planning:
            raise Error(f"`{capability}` is wished for while planning only", code="denied")
        self.requested(capability, subject)

    def within(self, path, write):
        """Whether a path is within what was requested of the tree."""
        for request in self.description.requests:
            verb, _, folder = request.scope.partition(" ")
            folder = folder.rstrip("/")
            below = path == folder or path.startswith(folder + "/")
            if request.capability == "rootfs" and below and (verb == "write" or not write):
                return
        verb = "write" if write else "read"
        raise Error(f"`rootfs` was not requested for `{verb} {path}`", code="denied",
                    help=f"Add `Request(\"rootfs\", \"{verb} {path}\", \"why\")` to `requests`.")

    def effect(self, capability):
        """An effect has no place in planning."""
        if self.planning:
            raise Error(f"`{capability}` has effects, and planning has none", code="denied")

    def machine(self):
        return self.host.about

    def parameter(self, name):
        declared = next((p for p in self.description.parameters if p.name == name), None)
        if declared is None:
            raise Error(f"the parameter `{name}` was not declared", code="undeclared")
        if declared.kind[0] == "secret":
            return name if name in self.host.secrets else None
        if name in self.host.parameters:
            return json.loads(json.dumps(self.host.parameters[name]))
        return None if declared.default is None else json.loads(declared.default)

    def secret(self, name):
        return HeldSecret(self, name) if name in self.host.secrets else None

    def provide(self, slot, key, value):
        class_ = next((c for c in self.step.provides if c.SLOT.name == slot), None)
        if class_ is None:
            raise Error(f"the step does not declare that it provides `{slot}`", code="undeclared",
                        help="Name its class in `provides` of the step.")
        if (class_.SLOT.timing == "planned") != self.planning:
            when = "running" if self.planning else "planning"
            raise Error(f"values of `{slot}` are provided while {when}", code="denied")
        mine = [f for s, f in self.host.facts if s == slot and f.provider == self.description.name and f.key == key]
        if any(f.value != value for f in mine):
            raise Error(f"`{slot}` has another value with the key `{key}`", code="conflict")
        from .schema import read
        self.made.facts.append(read(json.loads(value), class_))
        self.host.facts.append((slot, Provided(self.description.name, self.step.called,
                                               self.step.phase.value, key, value)))

    def consume(self, slot):
        if not any(c.SLOT.name == slot for c in (*self.step.consumes, *self.step.requires)):
            raise Error(f"the step does not declare that it consumes `{slot}`", code="undeclared",
                        help="Name its class in `consumes` of the step.")
        found = [f for s, f in self.host.facts if s == slot]
        return sorted(found, key=lambda f: (f.provider, f.key))

    def log(self, level, message):
        self.made.log.append((level, message))

    def package(self, name, reason, want, version):
        self.wish("packages", name)
        self.made.packages.append((name, want))

    def wish_file(self, kind, path, content, attributes):
        if not self.planning:
            raise Error("files are wished for while planning only", code="denied")
        if not path.startswith("/") or any(p in ("", ".", "..") for p in path[1:].split("/")):
            raise Error(f"`{path}` is no path of a file", code="invalid-argument")
        self.within(path, True)
        self.made.files.append((kind, path, content))
        if kind == "removed":
            self.host._drop(path)
        else:
            self.host._put(path, (kind, content, attributes))

    def service(self, unit, state):
        if state not in ("enabled", "disabled", "masked"):
            raise Error(f"`{state}` is no state of a unit", code="invalid-argument")
        self.wish("services", unit)
        self.made.services[unit] = state

    def define_unit(self, unit, content):
        self.wish("services-define", unit)
        self.made.units[unit] = content

    def user(self, name, about):
        self.wish("accounts", name)
        for group in about.get("groups", []):
            self.wish("accounts", group)
        if about.get("sudo") in ("password", "nopasswd"):
            self.wish("accounts-sudo", name)
        self.made.users[name] = about

    def group(self, name, gid):
        self.wish("accounts", name)
        self.made.groups.append((name, gid))

    def set_password(self, user, secret):
        self.wish("accounts", user)
        self.placed(secret)
        self.made.passwords.append((user, secret.parameter))

    def placed(self, secret):
        """A secret that is placed, and so was asked for."""
        try:
            self.requested("secret", f"open {secret.parameter}")
        except Error:
            self.requested("secret", f"place {secret.parameter}")

    def add_nodes(self, nodes):
        self.wish("block-device", "")
        self.made.nodes += nodes

    def input(self, name):
        named = [
            f"parameter {p.name}" for p in self.description.parameters
            if p.kind[0] in ("text", "text-list") and name in (lambda v: v if isinstance(v, list) else [v])(
                self.parameter(p.name))
        ]
        if not any(r.capability == "inputs" and r.scope in named for r in self.description.requests):
            self.requested("inputs", name)
        if name not in self.host.inputs:
            raise Error(f"the definition has no input `{name}`", code="not-found")
        return HeldInput(self.host.inputs[name])

    def read(self, path):
        self.effect("rootfs")
        self.within(path, False)
        kind, content, _ = self.host.tree.get(path, (None, None, None))
        if kind is None:
            raise Error(f"there is no `{path}`", code="not-found")
        if kind != "file":
            raise Error(f"`{path}` is no file", code="invalid-argument")
        return content

    def kind(self, path):
        self.effect("rootfs")
        self.within(path, False)
        return self.host.tree.get(path, (None,))[0]

    def walk(self, path, recursive):
        self.effect("rootfs")
        self.within(path, False)
        start = path.rstrip("/") + "/"
        return sorted(p for p in self.host.tree
                      if p.startswith(start) and p != start and (recursive or "/" not in p[len(start):]))

    def change(self, kind, path, content, attributes):
        self.effect("rootfs")
        self.within(path, True)
        if kind == "append":
            content = self.read(path) + content
        if kind == "remove":
            self.host._drop(path)
        else:
            node = {"write": "file", "append": "file"}.get(kind, kind)
            self.host._put(path, (node, content, attributes))

    def write_secret(self, path, secret, attributes):
        self.placed(secret)
        self.change("write", path, self.host.secrets[secret.parameter], attributes)

    def place(self, blob, path, attributes):
        self.change("write", path, blob, attributes)

    def unpack(self, archive, path, strip):
        import io
        import tarfile
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            for member in tar.getmembers():
                name = "/".join(member.name.split("/")[strip:])
                if member.isfile() and name:
                    self.change("write", f"{path}/{name}", tar.extractfile(member).read(), (member.mode, None, None))

    def place_input(self, input, path, owner, group):
        for name in input.files():
            self.change("write", f"{path}/{name}" if name else path, input.read(name), (None, owner, group))

    def exec(self, program, arguments, env, workdir, stdin, network, allow_failure, timeout_seconds):
        self.effect("exec")
        self.requested("exec", program)
        if network:
            self.requested("exec", "network")
        self.made.commands.append([program, *arguments])
        output = self.host.answers.get(program, Output(0, b"", b""))
        if output.status and not allow_failure:
            raise Error(f"`{program}` ended with the status {output.status}", code="exit-status",
                        detail=output.status)
        return output

    def fetch(self, url, digest):
        self.effect("fetch")
        self.requested("fetch", url.split("/")[2] if "//" in url else url)
        if url not in self.host.outside:
            raise Error(f"there is nothing at `{url}`", code="not-found")
        found, content = self.host.outside[url]
        if found != digest:
            raise Error(f"`{url}` is not what the digest says", code="integrity")
        return content

    def emit(self, suffix, content):
        self.effect("outputs")
        self.requested("outputs", suffix)
        self.made.outputs[suffix] = content
