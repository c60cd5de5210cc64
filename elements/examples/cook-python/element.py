"""Puts two dishes and a special on the menu, and a dish for each order, in Python.

Its readers (`waiter-rust`, `waiter-python`) run in the same phase, after it: the host sees to that,
because of the slots. `waiter-rust` talks to it both ways in that phase: its step `order` runs before
this one, its step `serve` after it.
"""

import json

from wit_world import exports
from wit_world.exports.lifecycle import Outcome_Done
from wit_world.exports.metadata import Arity, Description, Slot, SlotUse, Step, Timing
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
    extensions=[],
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
    extensions=[],
)

ORDER = "example:menu/order@1"  # planned: what somebody wants to have
TABLE = "example:menu/table@1"  # observed: where somebody sits


def provide(slot, key, value):
    facts.provide(slot.name, key, json.dumps(value))


def consume(slot):
    return [(fact, json.loads(fact.value)) for fact in facts.consume(slot)]


class Metadata(exports.Metadata):
    def describe(self):
        return Description(
            name="cook-python",
            version="1.0.0",
            summary="Puts two dishes and a special on the menu, and a dish for each order, in Python.",
            license="Apache-2.0",
            requires=[],
            stands_in_for=[],
            conflicts_with=[],
            parameters=[],
            steps=[
                Step(
                    name="install",
                    phase=Phase.INSTALL,
                    provides=[DISH, SPECIAL],
                    consumes=[
                        SlotUse(name=ORDER, arity=Arity.MANY, required=False, extensions=[]),
                        SlotUse(name=TABLE, arity=Arity.MANY, required=False, extensions=[]),
                    ],
                    after=[],
                    before=[],
                    plan_only=False,
                    extensions=[],
                )
            ],
            requests=[],
            extensions=[],
        )


class Lifecycle(exports.Lifecycle):
    def plan(self, step, build):
        provide(DISH, "1", {"name": "spam and eggs", "vegetarian": False})
        provide(DISH, "2", {"name": "list of noodles", "vegetarian": True})
        for order, value in consume(ORDER):
            name = f"{value['name']} for {order.provider}"
            provide(DISH, f"order {order.key}", {"name": name, "vegetarian": value["vegetarian"]})
        return []

    def run(self, step, build):
        provide(SPECIAL, "today", {"name": "pickled cucumbers"})
        for _, value in consume(TABLE):
            name = f"bread on table {value['number']}"
            provide(SPECIAL, f"table {value['number']}", {"name": name})
        return Outcome_Done()
