"""Writes the whole menu into the image, in Python.

It reads what all cooks provide in the phase in which it runs, in whatever language they are
written. `waiter-rust` does the same in Rust, and talks to a cook besides.
"""

import json

from wit_world import exports
from wit_world.exports.lifecycle import Outcome_Done
from wit_world.exports.metadata import Arity, Description, Request, SlotUse, Step
from wit_world.imports import facts, rootfs
from wit_world.imports.types import Attributes, NewDirectory, NewFile, Phase

DISH = "example:menu/dish@1"
SPECIAL = "example:menu/special@1"

# Owned by root, with the usual mode.
USUAL = Attributes(mode=None, owner=None, group=None, xattrs=[], extensions=[])


class Metadata(exports.Metadata):
    def describe(self):
        return Description(
            name="waiter-python",
            version="1.0.0",
            summary="Writes the whole menu into the image, in Python.",
            license="Apache-2.0",
            requires=[],
            stands_in_for=[],
            conflicts_with=[],
            parameters=[],
            steps=[
                Step(
                    name="install",
                    phase=Phase.INSTALL,
                    provides=[],
                    consumes=[
                        SlotUse(name=DISH, arity=Arity.MANY, required=False, extensions=[]),
                        SlotUse(name=SPECIAL, arity=Arity.MANY, required=False, extensions=[]),
                    ],
                    after=[],
                    before=[],
                    plan_only=False,
                    extensions=[],
                )
            ],
            requests=[Request("rootfs", "write /srv/menu", "to write the menu", [], [])],
            extensions=[],
        )


class Lifecycle(exports.Lifecycle):
    def plan(self, step, build):
        return []

    def run(self, step, build):
        menu = ""
        for dish in facts.consume(DISH):
            value = json.loads(dish.value)
            mark = " (v)" if value["vegetarian"] else ""
            menu += f"{dish.provider} {dish.key}: {value['name']}{mark}\n"
        for special in facts.consume(SPECIAL):
            value = json.loads(special.value)
            menu += f"{special.provider} {special.key}: {value['name']}\n"
        rootfs.open("/").apply([
            rootfs.Change_MakeDirectory(NewDirectory("/srv/menu", USUAL)),
            rootfs.Change_Write(NewFile("/srv/menu/waiter-python", menu.encode(), USUAL)),
        ])
        return Outcome_Done()
