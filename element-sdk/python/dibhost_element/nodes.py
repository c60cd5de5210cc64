"""Nodes of the block device: a flat list of nodes that name what they stand on."""

from __future__ import annotations

import dataclasses
import typing


@dataclasses.dataclass(frozen=True)
class Node:
    """A node: its name, what it stands on, its kind and what is said of it."""

    name: str
    on: tuple
    kind: str
    about: typing.Any


def disk(name, *, size=None, sector_size=512):
    """A whole disk; without a size from its content."""
    return Node(name, (), "disk", {"size": size, "sector_size": sector_size})


def table(name, on, kind="gpt", *, alignment=None):
    """A partition table: `gpt` or `mbr`."""
    return Node(name, (on,), "table", {"kind": kind, "alignment": alignment})


def partition(name, on, type_id, size, *, label=None, attributes=(), preserve=False):
    """A partition. `type_id` is a name of the discoverable partitions specification, or a UUID."""
    return Node(name, (on,), "partition", {
        "label": label or name, "type_id": type_id, "size": size,
        "attributes": list(attributes), "preserve": preserve,
    })


def filesystem(name, on, kind, *, label=None, uuid=None, tuning=None):
    """A filesystem: `ext4`, `xfs`, `btrfs`, `vfat`, …"""
    return Node(name, (on,), "filesystem", {
        "kind": kind, "label": label, "uuid": uuid, "tuning": list((tuning or {}).items()),
    })


def mount(name, on, at, *, options=(), in_fstab=True):
    """Where a filesystem is mounted."""
    return Node(name, (on,), "mount", {"at": at, "options": list(options), "in_fstab": in_fstab})


def bytes_(count):
    """A size of so many bytes."""
    return ("bytes", count)


def share(millionths):
    """A share of the whole parent, in millionths."""
    return ("share", millionths)


def share_of_rest(millionths):
    """A share of what the parent still has, in millionths."""
    return ("share-of-rest", millionths)


def rest():
    """All that the parent still has."""
    return ("rest", None)


def content(extra=0):
    """Just large enough for the files below its mount point, plus so many bytes."""
    return ("content", extra)
