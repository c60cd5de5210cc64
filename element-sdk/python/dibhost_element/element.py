"""An element: a class, checked when it is exported."""

from __future__ import annotations

import dataclasses
import re

from .description import Phase, Request, Requirement, Step
from .errors import DescriptionError
from .parameters import NAME, parameters_of

VERSION = re.compile(r"^\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]+)?$")


@dataclasses.dataclass(frozen=True)
class Finding:
    """A remark about the parameters or the facts, before anything is built."""

    message: str
    fatal: bool = False
    parameter: str | None = None
    help: str | None = None


@dataclasses.dataclass(frozen=True)
class Skipped:
    """What `run_PHASE` returns when there was nothing to do, and why."""

    why: str


class Element:
    """The base of all elements. The first line of the class's documentation is its summary."""

    name: str
    version: str = "0.1.0"
    license: str
    requires: list = []
    stands_in_for: list = []
    conflicts_with: list = []
    steps: list = []
    requests: list = []


@dataclasses.dataclass(frozen=True)
class Description:
    """All that an element says about itself, checked."""

    name: str
    version: str
    summary: str
    license: str
    requires: list
    stands_in_for: list
    conflicts_with: list
    parameters: list
    steps: list
    requests: list


METHOD = re.compile(r"^(plan|run)_([a-z_]+)$")


def describe(class_):
    """The description of an element; raises `DescriptionError` with what is wrong with it."""
    shown = f"`{class_.__name__}`"
    for field in ("name", "version", "license"):
        value = getattr(class_, field, None)
        if not isinstance(value, str) or not value.strip():
            raise DescriptionError(f"{shown} has no `{field}`: write `{field} = \"…\"` in it")
    if not NAME.match(class_.name):
        raise DescriptionError(
            f"{shown} is called `{class_.name}`: names are lower case, with `-` between words, as `nginx-site`"
        )
    if not VERSION.match(class_.version):
        raise DescriptionError(f"{shown} has the version `{class_.version}`: write three numbers, as `1.0.0`")
    summary = (class_.__doc__ or "").strip().split("\n")[0] if "__doc__" in vars(class_) else ""
    if not summary:
        raise DescriptionError(f"{shown} has no summary: its documentation's first line is what it is")
    listed = {}
    for field, kind in (("requires", Requirement), ("stands_in_for", str), ("conflicts_with", str),
                        ("steps", Step), ("requests", Request)):
        value = getattr(class_, field)
        if not isinstance(value, (list, tuple)):
            raise DescriptionError(f"`{field}` of {shown} is no list")
        for item in value:
            if not isinstance(item, kind):
                raise DescriptionError(f"`{field}` of {shown} has {item!r} in it, which is no `{kind.__name__}`")
        listed[field] = list(value)
    if not listed["steps"]:
        raise DescriptionError(f"{shown} has no steps: write `steps = [Step(Phase.INSTALL)]`")
    called = [step.called for step in listed["steps"]]
    twice = next((name for name in called if called.count(name) > 1), None)
    if twice:
        raise DescriptionError(f"{shown} has two steps called `{twice}`: give them names")
    check_methods(class_, listed["steps"])
    return Description(class_.name, class_.version, summary, class_.license,
                       parameters=parameters_of(class_), **listed)


def check_methods(class_, steps):
    """A method for a phase that has no step would never be called."""
    phases = {step.phase.value for step in steps}
    for name in dir(class_):
        found = METHOD.match(name)
        if not found:
            continue
        phase = found[2].replace("_", "-")
        if phase not in [p.value for p in Phase]:
            raise DescriptionError(
                f"`{class_.__name__}.{name}` is called in no phase: there are {', '.join(p.value for p in Phase)}"
            )
        if phase not in phases:
            raise DescriptionError(
                f"`{class_.__name__}.{name}` would never be called: add `Step(Phase.{phase.replace('-', '_').upper()})` to its steps"
            )
    for step in steps:
        methods = [f"{half}_{step.phase.value.replace('-', '_')}" for half in ("plan", "run")]
        if not any(hasattr(class_, m) for m in methods):
            raise DescriptionError(
                f"`{class_.__name__}` has a step in `{step.phase.value}` and neither `{methods[0]}` nor `{methods[1]}`"
            )
