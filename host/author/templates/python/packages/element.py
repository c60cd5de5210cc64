"""Installs nginx, and says whether it is started."""

from dibhost_element import Element, Phase, Plan, Request, Step, export, parameter


class {{type}}(Element):
    """{{summary}}"""

    name = "{{name}}"
    version = "0.1.0"
    license = "Apache-2.0"

    started: bool = parameter(default=True, doc="Whether it is started with the machine.")

    steps = [Step(Phase.INSTALL, plan_only=True)]
    requests = [
        Request("packages", "nginx", "the server"),
        Request("services", "nginx.service", "it is started, or not"),
    ]

    def plan_install(self, plan: Plan) -> None:
        plan.package("nginx", "the server")
        plan.service("nginx.service", "enabled" if self.started else "disabled")


Metadata, Lifecycle = export({{type}})
