"""The host of a component: the contract's imports, in the SDK's words. Imported only in a component,
whose world has `base` and those interfaces that the element asks for."""

from __future__ import annotations

import importlib
import json

from componentize_py_types import Err
from wit_world.exports import lifecycle, metadata
from wit_world.imports import facts as wit_facts
from wit_world.imports import host as wit_host
from wit_world.imports import log as wit_log
from wit_world.imports import types as wit

from .errors import Error
from .facts import Provided
from .run import Output


def _interface(name):
    # While the component is made: there is no file to import from when it runs.
    try:
        return importlib.import_module(f"wit_world.imports.{name}")
    except ImportError:
        return None


accounts, blobs, block_device, exec_, fetch, files, inputs, outputs, packages, rootfs, services = map(
    _interface,
    ("accounts", "blobs", "block_device", "exec", "fetch", "files", "inputs", "outputs", "packages",
     "rootfs", "services"),
)


def _have(interface, name, capability):
    if interface is None:
        raise Error(f"this element asks for nothing of `{name}`, and its component cannot call it",
                    code="denied", help=f"Add a `Request(\"{capability}\", …)` to its `requests` and build it again.")
    return interface



def _error(error):
    """A failure of the host."""
    case = type(error.code).__name__.split("_", 1)[1]
    code = "".join("-" + c.lower() if c.isupper() else c for c in case).lstrip("-")
    return Error(error.message, code=code, help=error.help, context=error.context,
                 detail=getattr(error.code, "value", None))


def _ask(function, *arguments):
    try:
        return function(*arguments)
    except Err as error:
        raise _error(error.value) from None


def failure(error):
    """A failure of the element, for the host."""
    case = "".join(part.capitalize() for part in error.code.split("-"))
    class_ = getattr(wit, f"ErrorCode_{case}")
    takes = {"ExitStatus": 1, "Killed": 1, "Os": "", "Other": None}
    if case in takes:
        code = class_(error.detail if error.detail is not None else takes[case])
    else:
        code = class_()
    return Err(wit.Error(code, error.message, [str(c) for c in error.context], error.help, []))


def _phase(phase):
    return wit.Phase[phase.name]


def _arity(name):
    return metadata.Arity[name.upper()]


def _kind(kind):
    case = "".join(part.capitalize() for part in kind[0].split("-"))
    class_ = getattr(metadata, f"ParameterKind_{case}")
    return class_(*kind[1:])


def description(of):
    """All of an element's description."""
    return metadata.Description(
        name=of.name, version=of.version, summary=of.summary, license=of.license,
        requires=[metadata.Requirement(r.name, r.version, r.optional, []) for r in of.requires],
        stands_in_for=of.stands_in_for, conflicts_with=of.conflicts_with,
        parameters=[
            metadata.Parameter(p.name, _kind(p.kind), p.default, p.declared.doc, list(p.declared.aliases), [])
            for p in of.parameters
        ],
        steps=[_step(s) for s in of.steps],
        requests=[
            metadata.Request(r.capability, r.scope, r.reason, [
                metadata.Condition(c.slot, c.field, list(c.one_of), []) for c in r.when
            ], [])
            for r in of.requests
        ],
        extensions=[],
    )


def _step(step):
    uses = [(c, False) for c in step.consumes] + [(c, True) for c in step.requires]
    return metadata.Step(
        name=step.called, phase=_phase(step.phase),
        provides=[
            metadata.Slot(c.SLOT.name, _arity(c.SLOT.arity), metadata.Timing[c.SLOT.timing.upper()],
                          c.SLOT.schema, c.SLOT.doc, [])
            for c in step.provides
        ],
        consumes=[metadata.SlotUse(c.SLOT.name, _arity(c.SLOT.arity), required, []) for c, required in uses],
        after=list(step.after), before=list(step.before), plan_only=step.plan_only, extensions=[],
    )


def finding(found):
    """A remark."""
    return lifecycle.Finding(found.parameter, found.message, found.help, found.fatal, [])


def outcome(skipped):
    """How a step ended."""
    return lifecycle.Outcome_Skipped(skipped.why) if skipped else lifecycle.Outcome_Done()


def _attributes(attributes):
    mode, owner, group = attributes
    named = [None if who is None else str(who) for who in (owner, group)]
    return wit.Attributes(mode, *named, [], [])


class Input:
    """A file or a folder of the builder."""

    def __init__(self, handle):
        self.handle = handle

    def files(self):
        """The paths of its files, in order."""
        made, after = [], None
        while True:
            nodes = _ask(self.handle.nodes, after)
            if not nodes:
                return made
            made += [n.path for n in nodes if n.kind == "file"]
            after = nodes[-1].path

    def read(self, path=""):
        """All bytes of a file."""
        made = b""
        while True:
            part = _ask(self.handle.read, path, len(made), 0)
            if not part:
                return made
            made += part

    def read_text(self, path=""):
        """A file as text."""
        return self.read(path).decode()


class SecretHandle:
    """A secret that stays on the host unless it is opened."""

    def __init__(self, handle):
        self.handle = handle

    def open(self):
        """Its bytes."""
        return _ask(self.handle.open)


class Host:
    """The host of one call."""

    def __init__(self, build):
        self._build = build
        self._trees = {}

    def machine(self):
        """The machine that the image is for."""
        return self._build.target()

    def parameter(self, name):
        """A value of a parameter, as JSON has it."""
        value = _ask(self._build.parameter, name)
        if value is None:
            return None
        if isinstance(value, wit_host.Value_Json):
            return json.loads(value.value)
        return value.value

    def secret(self, name):
        """The secret that a parameter names."""
        handle = _ask(self._build.secret, name)
        return None if handle is None else SecretHandle(handle)

    def provide(self, slot, key, value):
        """Provides a fact."""
        _ask(wit_facts.provide, slot, key, value)

    def consume(self, slot):
        """Reads facts."""
        return [Provided(f.provider, f.step, f.phase.name.lower().replace("_", "-"), f.key, f.value)
                for f in _ask(wit_facts.consume, slot)]

    def log(self, level, message):
        """Writes a line."""
        wit_log.write(wit_log.Level[level.upper()], message, [])

    def package(self, name, reason, want, version):
        """Wishes for a package."""
        interface = _have(packages, "packages", "packages")
        _ask(interface.request, [interface.Wish(name, version, want, reason, [])])

    def wish_file(self, kind, path, content, attributes):
        """Wishes for a file, a directory, a link, or nothing."""
        interface = _have(files, "files", "rootfs")
        wish = {
            "file": lambda: interface.Wish_File(wit.NewFile(path, content, _attributes(attributes))),
            "directory": lambda: interface.Wish_Directory(wit.NewDirectory(path, _attributes(attributes))),
            "symlink": lambda: interface.Wish_Symlink(wit.NewLink(path, content, [])),
            "removed": lambda: interface.Wish_Removed(path),
        }[kind]()
        _ask(interface.request, [wish])

    def service(self, unit, state):
        """Wishes for the state of a unit."""
        _ask(_have(services, "services", "services").set, unit, state)

    def define_unit(self, unit, content):
        """Writes a unit."""
        _ask(_have(services, "services", "services-define").define, unit, content)

    def user(self, name, about):
        """Wishes for a user."""
        interface = _have(accounts, "accounts", "accounts")
        fields = dict(uid=None, gid=None, home=None, shell=None, groups=[], system=False, authorized_keys=[],
                      comment=None, sudo=None, password_hash=None, expires=None, change_password=False)
        for field in about:
            if field not in fields:
                raise Error(f"a user has no `{field}`; there are {', '.join(fields)}", code="invalid-argument")
        _ask(interface.ensure_user, interface.User(name=name, extensions=[], **{**fields, **about}))

    def group(self, name, gid):
        """Wishes for a group."""
        _ask(_have(accounts, "accounts", "accounts").ensure_group, name, gid)

    def set_password(self, user, secret):
        """Sets a password unread."""
        _ask(_have(accounts, "accounts", "accounts").set_password, user, secret.handle.handle)

    def add_nodes(self, nodes):
        """Adds nodes of the block device."""
        interface = _have(block_device, "block-device", "block-device")
        _ask(interface.add, [self._node(interface, n) for n in nodes])

    def _node(self, interface, node):
        about = dict(node.about)
        if "size" in about and node.kind == "partition":
            kind, count = about["size"]
            class_ = getattr(interface, "Size_" + "".join(p.capitalize() for p in kind.split("-")))
            about["size"] = class_() if count is None else class_(count)
        record = getattr(interface, node.kind.capitalize())
        case = getattr(interface, f"NodeKind_{node.kind.capitalize()}")
        return interface.Node(node.name, list(node.on), case(record(**about)), [])

    def input(self, name):
        """Opens an input."""
        return Input(_ask(_have(inputs, "inputs", "inputs").open, name))

    @property
    def _tree(self):
        if "/" not in self._trees:
            self._trees["/"] = _ask(_have(rootfs, "rootfs", "rootfs").open, "/")
        return self._trees["/"]

    def read(self, path):
        """All bytes of a file."""
        tree, made = self._tree, b""
        while True:
            part = _ask(tree.read, path, len(made), 0)
            if not part:
                return made
            made += part

    def kind(self, path):
        """What is at a path."""
        stat = _ask(self._tree.stat, path)
        return None if stat is None else stat.kind.name.lower().replace("_", "-")

    def walk(self, path, recursive):
        """The paths in a folder."""
        tree, made, after = self._tree, [], None
        options = rootfs.WalkFlags.RECURSIVE if recursive else rootfs.WalkFlags(0)
        while True:
            entries = _ask(tree.walk, path, options, after)
            if not entries:
                return made
            made += [e.path for e in entries]
            after = made[-1]

    def change(self, kind, path, content, attributes):
        """One change of the tree."""
        tree = self._tree
        change = {
            "write": lambda: rootfs.Change_Write(wit.NewFile(path, content, _attributes(attributes))),
            "append": lambda: rootfs.Change_Append(rootfs.Addition(path, content, [])),
            "directory": lambda: rootfs.Change_MakeDirectory(wit.NewDirectory(path, _attributes(attributes))),
            "symlink": lambda: rootfs.Change_Symlink(wit.NewLink(path, content, [])),
            "remove": lambda: rootfs.Change_Remove(path),
        }[kind]()
        _ask(tree.apply, [change])

    def write_secret(self, path, secret, attributes):
        """Places a secret unread."""
        _ask(self._tree.write_secret, path, secret.handle.handle, _attributes(attributes))

    def place(self, blob, path, attributes):
        """Places a blob."""
        _ask(self._tree.place, blob, path, _attributes(attributes))

    def unpack(self, archive, path, strip):
        """Unpacks a blob."""
        _ask(self._tree.unpack, archive, path, strip)

    def place_input(self, input, path, owner, group):
        """Places an input."""
        placement = rootfs.Placement(None, owner, group, None, None, [])
        _ask(self._tree.place_input, input.handle, path, placement)

    def exec(self, program, arguments, env, workdir, stdin, network, allow_failure, timeout_seconds):
        """Runs a program of the image."""
        interface = _have(exec_, "exec", "exec")
        settings = interface.Settings.CAPTURE
        if network:
            settings |= interface.Settings.NETWORK
        if allow_failure:
            settings |= interface.Settings.ALLOW_FAILURE
        command = interface.Command(program, arguments, list(env.items()), workdir, stdin, settings,
                                    timeout_seconds, [])
        output = _ask(interface.run, command)
        return Output(output.status, bytes(output.stdout), bytes(output.stderr))

    def fetch(self, url, digest):
        """Fetches a file."""
        return _ask(_have(fetch, "fetch", "fetch").get, url, digest)

    def emit(self, suffix, content):
        """Puts bytes beside the image."""
        interface = _have(outputs, "outputs", "outputs")
        _ask(interface.emit, suffix, _ask(blobs.from_bytes, content))
