"""Change settings of a running part through its control socket."""

from __future__ import annotations

from collections.abc import Mapping

from zmqdev.control.client import Asker, targets
from zmqdev.errors import RunError
from zmqdev.options.part import Part


def change(part: Part, pid: int | None, values: Mapping[str, str]) -> None:
    """Set each value as `ctl NAME set KEY VALUE` does.

    Raises RunError when the device refuses or does not answer, or another process has
    its name.
    """
    device = part.device
    (found,) = targets(((device and device.control) or part.name,))
    with Asker() as asker:
        answers = asker.ask(found.address, "status")
        if answers["process"]["pid"] != pid:
            raise RunError(f"another process answers at {found.address}")
        for key, value in values.items():
            asker.ask(found.address, "set", {"key": key, "value": value})
