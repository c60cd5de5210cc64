"""`python -m dibhost_element MODULE`: what the element of a module says about itself, as JSON.

What is wrong with it is one sentence on standard error, and 1. `dibhost element build` calls it
before it makes a component."""

from __future__ import annotations

import importlib
import json
import sys
import traceback

from .element import describe
from .errors import DescriptionError


def main(arguments):
    if len(arguments) != 1:
        print("usage: python -m dibhost_element MODULE", file=sys.stderr)
        return 2
    try:
        module = importlib.import_module(arguments[0])
        class_ = getattr(getattr(module, "Metadata", None), "ELEMENT", None)
        if class_ is None or not hasattr(module, "Lifecycle"):
            raise DescriptionError(
                f"`{arguments[0]}` exports no element: end it with `Metadata, Lifecycle = export(YourElement)`"
            )
        found = describe(class_)
    except DescriptionError as error:
        where = next((f for f in reversed(traceback.extract_tb(error.__traceback__))
                      if "dibhost_element" not in f.filename and "importlib" not in f.filename), None)
        at = f"{where.filename.rsplit('/', 1)[-1]}:{where.lineno}: " if where else ""
        print(f"{at}{error}", file=sys.stderr)
        return 1
    except Exception:  # noqa: BLE001 - a mistake in the module: all of its trace
        traceback.print_exc()
        return 1
    print(json.dumps({
        "name": found.name, "version": found.version, "summary": found.summary,
        "requests": [{"capability": r.capability, "scope": r.scope} for r in found.requests],
    }))
    return 0


sys.exit(main(sys.argv[1:]))
