"""Puts two dishes and a special on the menu, in Python.

Its readers (`waiter-rust`, `waiter-python`) run in the same phase, after it: the host sees to that,
because of the slots.
"""

import json

from wit_world import exports
from wit_world.exports.lifecycle import Outcome_Done
from wit_world.exports.metadata import Arity, Description, Slot, Step, Timing
from wit_world.imports import facts
from wit_world.imports.types import Phase

DISH = Slot(
    name="example:menu/dish@1",
    arity=Arity.MANY,
    timing=Timing.PLANNED,
    schema=json.dumps({
        "type": "object",
        "properties": {"name": {"type": "string"}, "vegetarian": {"type": "boolean"}},
        "required": ["name", "vegetarian"],
    }),
    doc="A dish of the menu: known before anything is built.",
)

SPECIAL = Slot(
    name="example:menu/special@1",
    arity=Arity.MANY,
    timing=Timing.OBSERVED,
    schema=json.dumps({
        "type": "object",
        "properties": {"name": {"type": "string"}},
        "required": ["name"],
    }),
    doc="What there is today only: known while the image is built.",
)


def provide(slot, key, value):
    facts.provide(slot.name, key, json.dumps(value))


class Metadata(exports.Metadata):
    def describe(self):
        return Description(
            name="cook-python",
            version="1.0.0",
            summary="Puts two dishes and a special on the menu, in Python.",
            license="Apache-2.0",
            requires=[],
            stands_in_for=[],
            conflicts_with=[],
            parameters=[],
            steps=[
                Step(
                    phase=Phase.INSTALL,
                    provides=[DISH, SPECIAL],
                    consumes=[],
                    after=[],
                    plan_only=False,
                    extensions=[],
                )
            ],
            requests=[],
            extensions=[],
        )


class Lifecycle(exports.Lifecycle):
    def plan(self, phase, build):
        provide(DISH, "1", {"name": "spam and eggs", "vegetarian": False})
        provide(DISH, "2", {"name": "list of noodles", "vegetarian": True})
        return []

    def run(self, phase, build):
        provide(SPECIAL, "today", {"name": "pickled cucumbers"})
        return Outcome_Done()
