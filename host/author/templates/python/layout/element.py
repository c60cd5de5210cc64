"""What is on the disk: a GPT with one filesystem."""

from dibhost_element import (
    Element, Phase, Plan, Request, Step, content, disk, export, filesystem, mount, parameter,
    partition, table,
)


class {{type}}(Element):
    """{{summary}}"""

    name = "{{name}}"
    version = "0.1.0"
    license = "Apache-2.0"

    label: str = parameter(default="root", doc="The label of the root filesystem.")

    stands_in_for = ["layout"]
    steps = [Step(Phase.BLOCK_DEVICE, plan_only=True)]
    requests = [Request("block-device", "", "it is what this element is for")]

    def plan_block_device(self, plan: Plan) -> None:
        plan.add_nodes([
            disk("disk"),
            table("table", "disk", "gpt"),
            partition("root", "table", "root-x86-64", content(64 << 20)),
            filesystem("root-fs", "root", "ext4", label=self.label),
            mount("root-mount", "root-fs", "/"),
        ])


Metadata, Lifecycle = export({{type}})
