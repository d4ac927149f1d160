"""The machine and the date of a measurement."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path

import zmq

import zmqdev


@dataclass(frozen=True)
class Machine:
    """A machine, its software and the date.

    `cores` counts those that this process may use; `load` is the load average of the
    minute before the bench began.
    """

    processor: str
    cores: int
    system: str
    python: str
    pyzmq: str
    libzmq: str
    zmqdev: str
    date: str
    load: float

    def line(self) -> str:
        """Return the description that reports print."""
        cores = f"{self.cores} core" + ("" if self.cores == 1 else "s")
        return (
            f"{self.processor}, {cores}, {self.system}; Python {self.python}, "
            f"pyzmq {self.pyzmq}, libzmq {self.libzmq}, zmqdev {self.zmqdev}; {self.date}, "
            f"load {self.load:.1f} before"
        )


def this_machine() -> Machine:
    """Describe this machine now."""
    return Machine(
        processor=_processor(),
        cores=_cores(),
        system=f"{platform.system()} {platform.release().partition('-')[0]}",
        python=platform.python_version(),
        pyzmq=zmq.__version__,
        libzmq=zmq.zmq_version(),
        zmqdev=zmqdev.__version__,
        date=time.strftime("%Y-%m-%d"),
        load=os.getloadavg()[0],
    )


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor() -> str:
    """Return the processor's name from /proc/cpuinfo, or from Python where there is none."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        text = ""
    for line in text.splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
