"""Parameters: what an image definition may set, as the annotated fields of an element."""

from __future__ import annotations

import dataclasses
import json
import re
import types
import typing

from .errors import DescriptionError, Error
from .schema import Number, fault, hints, read, schema_of

NAME = re.compile(r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$")
MISSING = object()


@dataclasses.dataclass(frozen=True)
class Secret:
    """A parameter of this type names a secret of the image definition. It is placed unread:
    `tree.write_secret`, `plan.set_password`; `read()` needs the request `secret` of `open NAME`."""

    parameter: str
    handle: typing.Any = dataclasses.field(repr=False, default=None)

    def read(self):
        """Its bytes, in `run` only."""
        return self.handle.open()


@dataclasses.dataclass(frozen=True)
class Declared:
    """What `parameter()` says of a field."""

    doc: str
    default: typing.Any
    aliases: tuple
    name: str | None


def parameter(*, doc, default=MISSING, aliases=(), name=None):
    """A parameter: `port: uint16 = parameter(default=80, doc="The port it listens on.")`.

    Without a default the image definition has to set it, unless its type is `… | None`. It is called as
    the field is, with `-` for `_`, or as `name` says. `aliases` are the environment variables that
    an older definition set it by.
    """
    if not isinstance(doc, str) or not doc.strip():
        raise DescriptionError("a parameter has no `doc`: write one line about what it is")
    return Declared(doc, default, tuple(aliases), name)


@dataclasses.dataclass(frozen=True)
class Parameter:
    """A parameter of an element: its field, its name, its type and what is said of it."""

    field: str
    name: str
    type: typing.Any
    kind: tuple
    optional: bool
    declared: Declared

    @property
    def default(self):
        """The default as JSON; None: the definition must set it."""
        if self.declared.default is MISSING:
            return "null" if self.optional else None
        return json.dumps(self.declared.default)


def kind_of(type_, where):
    """The kind of the contract that a type is, and whether it may be left out."""
    origin, arguments = typing.get_origin(type_), typing.get_args(type_)
    if origin in (typing.Union, types.UnionType):
        some = [a for a in arguments if a is not type(None)]
        if len(some) == 1 and len(arguments) == 2:
            return kind_of(some[0], where)[0], True
    if origin is typing.Annotated and any(isinstance(a, Number) for a in arguments):
        return ("integer",), False
    if origin is typing.Literal and all(isinstance(a, str) for a in arguments):
        return ("choice", list(arguments)), False
    if origin is list and arguments == (str,):
        return ("text-list",), False
    simple = {str: ("text",), int: ("integer",), bool: ("boolean",), Secret: ("secret",)}
    if type_ in simple:
        return simple[type_], False
    return ("json", json.dumps(schema_of(type_, where))), False


def parameters_of(class_):
    """The parameters of an element's class, in the order in which they are written."""
    made = []
    for field, type_ in hints(class_).items():
        declared = getattr(class_, field, None)
        if typing.get_origin(type_) is typing.ClassVar or not isinstance(declared, Declared):
            continue
        where = f"the parameter `{class_.__name__}.{field}`"
        name = declared.name or field.replace("_", "-")
        if not NAME.match(name):
            raise DescriptionError(f"{where} is called `{name}`: names are lower case, with `-` between words")
        kind, optional = kind_of(type_, where)
        if declared.default is not MISSING:
            wrong = fault(declared.default, type_)
            if wrong:
                raise DescriptionError(f"the default of {where} is wrong: {wrong}")
        made.append(Parameter(field, name, type_, kind, optional, declared))
    for field, value in vars(class_).items():
        if isinstance(value, Declared) and field not in {p.field for p in made}:
            raise DescriptionError(
                f"the parameter `{class_.__name__}.{field}` has no type: write `{field}: str = parameter(…)`"
            )
    return made


def value_of(parameter, value, handle=None):
    """What the host answered for a parameter, as the field's value."""
    if parameter.kind[0] == "secret":
        if value is None and not parameter.optional:
            raise Error(f"the parameter `{parameter.name}` is not set", code="invalid-argument",
                        help="Set it to the name of a secret.")
        return None if value is None else Secret(parameter.name, handle() if handle else None)
    if value is None:
        if parameter.optional:
            return None
        raise Error(f"the parameter `{parameter.name}` is not set", code="invalid-argument",
                    help=f"Set it: {parameter.declared.doc}")
    try:
        value = read(value, parameter.type)
    except (TypeError, ValueError) as error:
        raise Error(f"the parameter `{parameter.name}` is not as it has to be: {error}",
                    code="invalid-argument", help=parameter.declared.doc) from error
    wrong = fault(value, parameter.type)
    if wrong:
        raise Error(f"the parameter `{parameter.name}` is not as it has to be: {wrong}",
                    code="invalid-argument", help=parameter.declared.doc)
    return value
