"""Failures: one sentence, the trail that led to it, and what to do."""

from __future__ import annotations

CODES = (
    "denied", "undeclared", "not-found", "conflict", "invalid-argument", "unsupported",
    "integrity", "exit-status", "killed", "cancelled", "os", "other",
)


class Error(Exception):
    """A failure of an element, or of the host on its behalf.

    `code` is for programs (`not-found`), the message one sentence for people, `help` what the reader
    could do, `context` what was being done, innermost first. `detail` is the number of `exit-status`
    and `killed`, the name of `os` and `other`.
    """

    def __init__(self, message, *, code="other", help=None, context=(), detail=None):
        super().__init__(message)
        if code not in CODES:
            raise ValueError(f"`{code}` is no code of an error; there are {', '.join(CODES)}")
        self.message = str(message)
        self.code = code
        self.help = help
        self.context = list(context)
        self.detail = detail

    def while_(self, doing):
        """Adds what was being done, a lower-case gerund: `reading the release file`."""
        self.context.append(doing)
        return self

    def __str__(self):
        return "".join(f"{doing}: " for doing in reversed(self.context)) + self.message


class DescriptionError(Exception):
    """What an element says about itself is wrong: found when its module is imported."""
