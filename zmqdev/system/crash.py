"""Restart in the same process after a crash in libzmq or another library.

The handler of `_crash.h` executes the program again: process id, terminal, stdin and
stdout stay. The environment tells the next life when the first one began, how many
there were, and which ports were bound where any was asked for. Rules:

- Only a fault restarts the program: SIGABRT, SIGSEGV, SIGBUS. An exit status ends it.
- The first restart is immediate; each further one in a row waits twice as long, at most
  LONGEST. A life of WELL seconds resets the count.
- What has a time limit (`--duration`) ends at that time.
- Commands that the former life has started are killed, because they can no longer
  answer.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from zmqdev.system import interpreter
from zmqdev.system.signals import Signals

KNOWN, ENDED_BY = "ZMQDEV_LIFE", "ZMQDEV_ENDED_BY"
FIRST, LONGEST, WELL = 0.1, 10.0, 30.0

try:
    from zmqdev.system import _survival
except ImportError:
    _survival = None  # type: ignore[assignment]


@dataclass
class Life:
    """One life of this process. Times are monotonic seconds; `tries` counts restarts in a row."""

    began: float
    started: float
    restarts: int = 0
    tries: int = 0
    ended_by: int = 0
    before: dict[str, list[str]] = field(default_factory=dict)
    bound: dict[str, list[str]] = field(default_factory=dict)

    @property
    def cause(self) -> str:
        """Return the signal that ended the former life; "" in the first one."""
        try:
            return signal.Signals(self.ended_by).name if self.ended_by else ""
        except ValueError:
            return f"signal {self.ended_by}"

    @property
    def pause(self) -> float:
        """Return the seconds to wait before anything is opened."""
        return min(LONGEST, FIRST * 2.0 ** min(30, self.tries - 2)) if self.tries > 1 else 0.0

    def remaining(self, duration: float | None) -> float | None:
        """Return what is left of a duration that began with the first life."""
        if duration is None or not self.restarts:
            return duration
        return max(0.001, self.began + duration - time.monotonic())

    def words(self) -> str:
        """Return the line for the log of this life."""
        return f"ended by {self.cause}; started again on its addresses ({self.restarts} so far)"


def life_of(environ: Mapping[str, str], now: float) -> Life:
    """Return the life that begins now; a malformed environment means the first one."""
    try:
        told = json.loads(environ[KNOWN])
        ended_by = int(environ[ENDED_BY])
        started, tries = float(told["started"]), int(told["tries"])
        again = tries + 1 if now - started < WELL else 1
        before = {str(key): [str(one) for one in found] for key, found in told["bound"].items()}
        return Life(float(told["began"]), now, int(told["restarts"]) + 1, again, ended_by, before)
    except (KeyError, ValueError, TypeError, AttributeError):
        return Life(now, now)


_now = Life(0.0, 0.0)
_alone, _armed = True, False


def current() -> Life:
    """Return the present life, once `begin` was called."""
    return _now


def begin(environ: MutableMapping[str, str] = os.environ) -> Life:
    """Read what the environment says of former lives, and remove it from there."""
    global _now
    _now = life_of(environ, time.monotonic())
    for name in (KNOWN, ENDED_BY):
        environ.pop(name, None)
    if _now.restarts:
        end_children()
    return _now


def rest(life: Life, signals: Signals) -> bool:
    """Wait for this life's pause; return False when it was told to stop meanwhile."""
    if life.pause:
        select.select([signals.fileno()], [], [], life.pause)
        return not signals.take()
    return True


def leave_to_parent() -> None:
    """Leave restarts to the parent of this process: `arm` then does nothing."""
    global _alone
    _alone = False


def arm() -> None:
    """Restart after faults from now on. Call it again when more has been bound."""
    global _armed
    if _survival is None or not _alone:
        return
    _armed = True
    told = {
        "began": _now.began,
        "started": _now.started,
        "restarts": _now.restarts,
        "tries": _now.tries,
        "bound": _now.bound or _now.before,
    }
    words = [os.fsencode(word) for word in interpreter.program(*sys.argv[1:])]
    environment = [os.fsencode(f"{name}={value}") for name, value in os.environ.items()]
    environment.append(f"{KNOWN}={json.dumps(told)}".encode())
    _survival.come_back(os.fsencode(sys.executable), words, environment, _spared())


def arm_again() -> None:
    """Update what the next life will know, if restarts are on."""
    if _armed:
        arm()


def disarm() -> None:
    """Do not restart any more: the program is about to end."""
    global _armed
    if _armed and _survival is not None:
        _armed = False
        _survival.stay_down()


def own_stack() -> None:
    """Give this thread a signal stack, as it may overflow its own."""
    if _survival is not None:
        _survival.own_stack()


def earlier(name: str, asked: str) -> str:
    """Return the address that a former life had bound for what is asked for, or `asked`."""
    found = _now.before.get(f"{name} {asked}")
    return found.pop(0) if found else asked


def remember(name: str, asked: str, actual: str) -> None:
    """Remember what was bound in place of a port chosen by the system."""
    if asked != actual:
        _now.bound.setdefault(f"{name} {asked}", []).append(actual)


def end_children() -> None:
    """Kill the process groups that the former life has started, and collect their statuses."""
    with suppress(OSError):
        for task in Path("/proc/self/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                with suppress(OSError):
                    os.killpg(child, signal.SIGKILL)
                with suppress(OSError):
                    os.kill(child, signal.SIGKILL)
    with suppress(ChildProcessError):
        while os.waitpid(-1, 0)[0]:
            pass


def _spared() -> int:
    """Return systemd's process if it has a watchdog: it sends SIGABRT and restarts the program."""
    return os.getppid() if "WATCHDOG_USEC" in os.environ else 0
