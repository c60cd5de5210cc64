"""Facts: what one element knows and another needs, as dataclasses."""

from __future__ import annotations

import dataclasses
import json
import re
import typing

from .errors import DescriptionError, Error
from .schema import Number, fault, read, schema_of_class

# Numbers as Rust has them: the schemas of both are then the same.
uint8 = typing.Annotated[int, Number("uint8", 0, 255)]
uint16 = typing.Annotated[int, Number("uint16", 0, 65535)]
uint32 = typing.Annotated[int, Number("uint32", 0)]
uint64 = typing.Annotated[int, Number("uint64", 0)]
int32 = typing.Annotated[int, Number("int32")]
int64 = typing.Annotated[int, Number("int64")]

ARITIES = ("one", "optional", "many")
TIMINGS = ("planned", "observed")
SLOT = re.compile(r"^[a-z][a-z0-9-]*:[a-z][a-z0-9-]*(/[a-z][a-z0-9-]*)+@[1-9][0-9]*$")


@dataclasses.dataclass(frozen=True)
class Slot:
    """A named channel between elements."""

    name: str
    arity: str
    timing: str
    schema: str | None
    doc: str


class Fact:
    """What `@fact` makes of a class has this: `SLOT`, the channel that it travels through."""

    SLOT: typing.ClassVar[Slot]


def fact(slot, *, arity="many", timing="planned", doc=None):
    """Makes a class a fact: a frozen dataclass with a slot, whose schema is that of its fields.

        @fact("acme:proxy/upstream@1", arity="many", timing="planned")
        class Upstream:
            "A server that requests are sent to."
            host: str
            port: uint16
    """
    if not isinstance(slot, str) or not SLOT.match(slot):
        raise DescriptionError(
            f"`{slot}` is no name of a slot: write `PUBLISHER:TOPIC/NAME@VERSION`, as `acme:proxy/upstream@1`"
        )
    if arity not in ARITIES:
        raise DescriptionError(f"`{slot}` has the arity {arity!r}: it is one of {', '.join(ARITIES)}")
    if timing not in TIMINGS:
        raise DescriptionError(f"`{slot}` has the timing {timing!r}: it is one of {', '.join(TIMINGS)}")

    def made(class_):
        described = (class_.__doc__ or "").strip().split("\n")[0] if class_.__doc__ else ""
        class_ = dataclasses.dataclass(frozen=True)(class_)
        # The schemas of `dib:` are the host's.
        schema = None if slot.startswith("dib:") else json.dumps(schema_of_class(class_))
        class_.SLOT = Slot(slot, arity, timing, schema, doc or described)
        return class_

    return made


def slot_of(class_):
    """The slot of a fact's class."""
    slot = getattr(class_, "SLOT", None)
    if not isinstance(slot, Slot):
        name = getattr(class_, "__name__", repr(class_))
        raise DescriptionError(f"`{name}` is no fact: write `@fact(\"acme:topic/name@1\")` before its class")
    return slot


def written(value):
    """A fact as JSON, checked before the host sees it."""
    slot = slot_of(type(value))
    wrong = fault(value, type(value))
    if wrong:
        raise Error(
            f"a value of `{slot.name}` is not as `{type(value).__name__}` says: {wrong}",
            code="invalid-argument",
        )
    return json.dumps(dataclasses.asdict(value))


@dataclasses.dataclass(frozen=True)
class Provided:
    """A value that was read, and where it came from."""

    provider: str
    step: str
    phase: str
    key: str
    value: typing.Any


def readers(class_, facts):
    """What the host answered, as values of a fact's class."""
    slot = slot_of(class_)
    made = []
    for found in facts:
        try:
            value = read(json.loads(found.value), class_)
        except (TypeError, ValueError) as error:
            raise Error(
                f"a value of `{slot.name}` by `{found.provider}` is no `{class_.__name__}`: {error}",
                code="invalid-argument",
            ) from error
        made.append(dataclasses.replace(found, value=value))
    return made
