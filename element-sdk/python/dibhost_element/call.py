"""One call of an element on a host, real or in memory."""

from __future__ import annotations

import traceback

from .description import Phase
from .element import Finding, Skipped, describe
from .errors import Error
from .parameters import value_of
from .plan import Plan
from .run import Run


def element_for(class_, description, host):
    """The element with the parameters that this build has."""
    element = class_()
    for parameter in description.parameters:
        handle = lambda name=parameter.name: host.secret(name)
        setattr(element, parameter.field, value_of(parameter, host.parameter(parameter.name), handle))
    return element


def step_named(description, name):
    """The step of a name."""
    for step in description.steps:
        if step.called == name:
            return step
    raise Error(f"`{description.name}` has no step `{name}`", code="undeclared")


def told(error):
    """Any exception as the contract's failure: the text of it, and the lines that it came from."""
    if isinstance(error, Error):
        return error
    # Without the text of the lines: a component has no files that it could be read from.
    frames = [(f.f_code.co_filename, f.f_code.co_name, line)
              for f, line in traceback.walk_tb(error.__traceback__)]
    own = [frame for frame in frames if "dibhost_element" not in frame[0]] or frames
    trail = [f"in `{name}`, {file.rsplit('/', 1)[-1]} line {line}" for file, name, line in reversed(own)]
    return Error(f"{type(error).__name__}: {error}", context=trail,
                 help="This is a mistake in the element: its author can mend it.")


def plan(class_, host, step_name):
    """Plans one step: its findings."""
    description = describe(class_)
    step = step_named(description, step_name)
    made = Plan(host, step)
    try:
        element = element_for(class_, description, host)
        method = getattr(element, f"plan_{Phase(step.phase).value.replace('-', '_')}", None)
        if method:
            method(made)
    except Exception as error:  # noqa: BLE001 - whatever it is, a person has to read it
        raise told(error) from error
    return made.findings


def run(class_, host, step_name):
    """Runs one step: None, or why it was skipped."""
    description = describe(class_)
    step = step_named(description, step_name)
    try:
        element = element_for(class_, description, host)
        method = getattr(element, f"run_{Phase(step.phase).value.replace('-', '_')}", None)
        ended = method(Run(host, step)) if method else None
        if ended is not None and not isinstance(ended, Skipped):
            raise TypeError(f"`run_…` returned {ended!r}: return nothing, or `Skipped(\"why\")`")
        return ended
    except Exception as error:  # noqa: BLE001
        raise told(error) from error


__all__ = ["Finding", "plan", "run"]
