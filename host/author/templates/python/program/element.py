"""Runs a program of the image: the linker's cache is made anew."""

from dibhost_element import Element, Phase, Request, Run, Step, export, parameter


class {{type}}(Element):
    """{{summary}}"""

    name = "{{name}}"
    version = "0.1.0"
    license = "Apache-2.0"

    verbose: bool = parameter(default=False, doc="Whether the program says what it does.")

    steps = [Step(Phase.POST_INSTALL)]
    requests = [Request("exec", "ldconfig", "to make the linker's cache")]

    def run_post_install(self, run: Run) -> None:
        run.exec("ldconfig", *(["-v"] if self.verbose else []))


Metadata, Lifecycle = export({{type}})
