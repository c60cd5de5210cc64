"""The component's exports, made of an element."""

from __future__ import annotations

from . import call
from .element import Element, describe
from .errors import DescriptionError, Error

try:  # There only in a component.
    from . import guest
except ImportError:
    guest = None


def export(class_):
    """Makes an element the one that the component exports: `Metadata, Lifecycle = export(Motd)`.

    What is wrong with its description is raised here, so that no component is made of it.
    """
    if not (isinstance(class_, type) and issubclass(class_, Element)):
        raise DescriptionError(f"`{class_!r}` is no class that is made from `Element`")
    description = describe(class_)
    described = guest.description(description) if guest else None

    class Metadata:
        """`metadata` of the contract."""

        ELEMENT = class_

        def describe(self):
            return described

    class Lifecycle:
        """`lifecycle` of the contract."""

        def plan(self, step, build):
            try:
                return [guest.finding(f) for f in call.plan(class_, guest.Host(build), step)]
            except Error as error:
                raise guest.failure(error) from None
            except BaseException as error:  # noqa: BLE001 - else a trap without a word
                raise guest.failure(unforeseen(error)) from None

        def run(self, step, build):
            try:
                return guest.outcome(call.run(class_, guest.Host(build), step))
            except Error as error:
                raise guest.failure(error) from None
            except BaseException as error:  # noqa: BLE001
                raise guest.failure(unforeseen(error)) from None

    return Metadata, Lifecycle


def unforeseen(error):
    """What even the SDK did not expect."""
    return call.told(error if isinstance(error, Exception) else Exception(repr(error)))
