"""What an element says about itself."""

from __future__ import annotations

import dataclasses
import enum

from .errors import DescriptionError
from .facts import slot_of


class Phase(str, enum.Enum):
    """A phase of the build, in the order in which the host runs them."""

    ROOT = "root"
    EXTRA_DATA = "extra-data"
    PRE_INSTALL = "pre-install"
    INSTALL = "install"
    POST_INSTALL = "post-install"
    POST_ROOT = "post-root"
    BLOCK_DEVICE = "block-device"
    PRE_FINALISE = "pre-finalise"
    FINALISE = "finalise"
    CLEANUP = "cleanup"

    def __str__(self):
        return self.value


CAPABILITIES = (
    "packages", "repositories", "services", "services-define", "accounts", "accounts-sudo",
    "block-device", "bootstrap", "builder", "rootfs", "exec", "facts", "elements", "fetch",
    "outputs", "secret", "inputs", "cache",
)


@dataclasses.dataclass(frozen=True)
class Condition:
    """What has to be true of the system: a field of a fact that `root` plans."""

    slot: str
    field: str
    one_of: tuple

    @classmethod
    def family(cls, *families):
        """The family of packages: `debian`, `fedora`, `suse`."""
        return cls("dib:os/distribution@1", "family", tuple(families))


@dataclasses.dataclass(frozen=True)
class Request:
    """Something that the image definition is asked to grant, and why."""

    capability: str
    scope: str
    reason: str
    when: tuple = ()

    def __post_init__(self):
        for what in ("capability", "scope", "reason"):
            if not isinstance(getattr(self, what), str):
                raise DescriptionError(f"a request has a {what} of {getattr(self, what)!r}, which is no text")
        if self.capability not in CAPABILITIES:
            raise DescriptionError(
                f"a request is for `{self.capability}`, which is no capability: there are {', '.join(CAPABILITIES)}"
            )
        if not self.reason.strip():
            raise DescriptionError(
                f"the request `{self.capability}` of `{self.scope}` has no reason: a person reads it before granting"
            )


@dataclasses.dataclass(frozen=True)
class Requirement:
    """Another element that has to be in the image too."""

    name: str
    version: str = "*"
    optional: bool = False


@dataclasses.dataclass(frozen=True)
class Step:
    """One thing that an element does in one phase; `provides` and `consumes` are classes of facts."""

    phase: Phase
    name: str | None = None
    provides: tuple = ()
    consumes: tuple = ()
    requires: tuple = ()
    after: tuple = ()
    before: tuple = ()
    plan_only: bool = False

    def __post_init__(self):
        try:
            object.__setattr__(self, "phase", Phase(self.phase))
        except ValueError:
            raise DescriptionError(
                f"a step is in the phase {self.phase!r}: there are {', '.join(p.value for p in Phase)}"
            ) from None
        for field in ("provides", "consumes", "requires", "after", "before"):
            value = getattr(self, field)
            if isinstance(value, (str, type)) or not hasattr(value, "__iter__"):
                raise DescriptionError(f"`{field}` of the step `{self.called}` is no list: write `[{value}]`")
            object.__setattr__(self, field, tuple(value))
        for class_ in (*self.provides, *self.consumes, *self.requires):
            slot_of(class_)

    @property
    def called(self):
        """Its name: usually that of its phase."""
        return self.name or Phase(self.phase).value


class ByFamily:
    """A package that is called otherwise in each family: `ByFamily(debian="nginx", fedora="nginx-core")`."""

    def __init__(self, **names):
        self.names = names

    def requests(self, reason):
        """The requests of each name, each on the condition of its family."""
        return [
            Request("packages", name, reason, (Condition.family(family),))
            for family, name in self.names.items()
        ]
