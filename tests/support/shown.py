"""What a device shows of itself, from its statistics lines as JSON."""

from __future__ import annotations

import json
from typing import Any

from support.processes import Program


def refused(device: Program, side: int = 0) -> dict[str, int]:
    """What the last statistics line says was refused at a side, by reason."""
    counts: dict[str, int] = shown(device).get(f"{('frontend', 'backend')[side]}_refused", {})
    return counts


def shown(device: Program) -> dict[str, Any]:
    """The last statistics line that is whole."""
    whole = device.out.decode().rpartition("\n")[0]
    last: dict[str, Any] = json.loads(whole.splitlines()[-1]) if whole else {}
    return last
