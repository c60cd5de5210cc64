"""Greets every guest in a file of the image, and is a guest itself.

It provides a fact in its first step and reads all of them in the second: those of other elements
too, in whatever language they are written.
"""

from dibhost_element import Element, Phase, Plan, Request, Run, Step, export, fact, parameter, uint32


# A slot is a name and a schema: put your own publisher before the `:`.
@fact("example:guests/guest@1", arity="many", timing="planned")
class Guest:
    """Somebody who is greeted."""

    name: str
    seats: uint32


FOLDER = "/etc/guests"


class {{type}}(Element):
    """{{summary}}"""

    name = "{{name}}"
    version = "0.1.0"
    license = "Apache-2.0"

    greeting: str = parameter(default="Welcome", doc="What every guest is told.")
    hello: bool = parameter(default=False, doc="Whether the package `hello` is installed as well.")

    steps = [
        Step(Phase.INSTALL, name="arrive", provides=[Guest], plan_only=True),
        Step(Phase.INSTALL, name="greet", consumes=[Guest]),
    ]
    requests = [
        Request("packages", "hello", "where it is asked for"),
        Request("rootfs", f"write {FOLDER}", "to write the greetings"),
    ]

    def plan_install(self, plan: Plan) -> None:
        if plan.step == "arrive":
            plan.provide("me", Guest(name="{{name}}", seats=1))
            if self.hello:
                plan.package("hello", "it greets too")

    def run_install(self, run: Run) -> None:
        guests = run.consume(Guest)
        text = "".join(f"{self.greeting}, {g.value.name} ({g.value.seats})\n" for g in guests)
        run.rootfs.directory(FOLDER)
        run.rootfs.write(f"{FOLDER}/{{name}}", text)


Metadata, Lifecycle = export({{type}})
