"""Write dibhost elements in Python.

An element is a class: its annotated fields are its parameters, its methods `plan_PHASE` and
`run_PHASE` are the two halves of its steps. Facts are dataclasses. `TestHost` is a host in memory.
"""

from .description import ByFamily, Condition, Phase, Request, Requirement, Step
from .element import Element, Finding, Skipped
from .errors import Error
from .export import export
from .facts import Fact, Provided, fact, int32, int64, uint8, uint16, uint32, uint64
from .nodes import (
    content, bytes_, disk, filesystem, mount, partition, rest, share, share_of_rest, table,
)
from .parameters import Secret, parameter
from .plan import Plan
from .run import Output, Run, Tree
from .test_host import Planned, Ran, TestHost

__all__ = [
    "ByFamily", "Condition", "Element", "Error", "Fact", "Finding", "Output", "Phase", "Plan",
    "Planned", "Provided", "Ran", "Request", "Requirement", "Run", "Secret", "Skipped", "Step",
    "TestHost", "Tree", "bytes_", "content", "disk", "export", "fact", "filesystem", "int32",
    "int64", "mount", "parameter", "partition", "rest", "share", "share_of_rest", "table", "uint16",
    "uint32", "uint64", "uint8",
]

__version__ = "0.1.0"
