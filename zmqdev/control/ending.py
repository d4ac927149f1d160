"""Waiting for a device to end, with its progress and its result."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from zmqdev.control.client import Asker, targets
from zmqdev.errors import RunError
from zmqdev.options.security import Security

ENDING = frozenset({"stop", "drain"})
# Seconds between two looks, and between two lines about what is left inside.
LOOK, TELL = 0.05, 1.0


class Awaited:
    """The end of a device or of `run`. Make it before the device is asked to end."""

    def __init__(self, address: str, patience: float, keys: Security | None = None) -> None:
        self._address, self._patience = address, patience
        self._asker, self._teller = Asker(keys), Asker(keys)
        told = self._teller.ask(address, "status", patience=patience)
        self._pid = _local(told)
        self._question = self._asker.pose(address, "ended")

    def wait(
        self, say: Callable[[str], None], stopped: Callable[[], object] = lambda: False
    ) -> Mapping[str, Any]:
        """Wait for the end and return what the device reported about it.

        The result is empty for a device that reports nothing, such as an older version,
        or once `stopped()`. Raises RunError when it ended without an answer.
        """
        told_at = time.monotonic()
        while True:
            if stopped():
                return {}
            # The answer may come between a look at the socket and one at the process,
            # so look here first.
            gone = self._pid is not None and not alive(self._pid)
            reply = self._asker.reply(self._address, self._question, LOOK)
            if reply is not None:
                break
            if gone:
                raise RunError(f"{self._address}: the process ended without an answer")
            if time.monotonic() - told_at >= TELL:
                told_at = time.monotonic()
                self._tell(say)
        result: Mapping[str, Any] = reply.result if reply.ok else {}
        if result.get("process", True):
            while self._pid and alive(self._pid):
                time.sleep(LOOK)
        return result

    def close(self) -> None:
        """Close the sockets."""
        self._asker.close()
        self._teller.close()

    def _tell(self, say: Callable[[str], None]) -> None:
        try:
            told = self._teller.ask(self._address, "status", patience=LOOK)
        except RunError:
            say("waiting for the end")
            return
        inside = told.get("details", {}).get("inside")
        peers = sum(side["peers"]["connected"] for side in told["sides"])
        what = f"{inside} messages inside" if inside else f"{peers} peers connected"
        say(f"{told['name']}: {told['state']}, {what}")


def replace(
    name: str, say: Callable[[str], None], stopped: Callable[[], object], patience: float
) -> str | None:
    """End a device and wait for its end; return why that was not clean, or None.

    Raises RunError when no device runs under that name or address.
    """
    address = targets((name,))[0].address
    awaited = Awaited(address, patience)
    try:
        with Asker() as asker:
            asker.ask(address, "stop", patience=patience)
        return failure(awaited.wait(say, stopped))
    finally:
        awaited.close()


def failure(told: Mapping[str, Any]) -> str | None:
    """Return why the end was not clean, or None."""
    if told.get("failure"):
        return str(told["failure"])
    left = told.get("reports") or ()
    return "; ".join(left) or None


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return fields[0] != "Z"


def _local(told: Mapping[str, Any]) -> int | None:
    """Return the process id; None when the process is on another machine or cannot be seen."""
    pid = told.get("process", {}).get("pid")
    return pid if isinstance(pid, int) and alive(pid) else None
