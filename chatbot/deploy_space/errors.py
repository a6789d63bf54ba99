"""What a deployment ends with that did not come about."""

from __future__ import annotations

from collections.abc import Iterable


class DeployError(Exception):
    """The Space cannot be deployed. ``problems`` holds one sentence for each thing to mend.

    Args:
        problems: Those sentences.
        log: The last lines of what the Space wrote, where it was asked.
    """

    def __init__(self, *problems: str, log: Iterable[str] = ()) -> None:
        self.problems = problems
        self.log = tuple(log)
        super().__init__("\n".join(problems))
