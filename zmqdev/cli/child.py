"""The fork server of `run`: a process with all modules loaded, whose copies become the parts.

    zmqdev.cli.child DESCRIPTOR

`run` forks it before it has a ZeroMQ context, because a process with one must not be
forked. When that server has ended, `run` starts this module as a program; DESCRIPTOR is
the socket of the requests.
"""

from __future__ import annotations

import importlib
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn

from zmqdev.options.device import DeviceSpec
from zmqdev.options.part_options import kinds
from zmqdev.supervisor.fork_server import serve
from zmqdev.supervisor.process import PartTask
from zmqdev.system import crash, interpreter, journal, process_title, stdio

# Modules that devices and endpoints import once they run.
NEEDED = (
    "zmqdev.cli.start_device",
    "zmqdev.cli.start_endpoint",
    "zmqdev.report.live",
    "zmqdev.endpoints.tasks.worker",
)


def by_fork(requests: socket.socket) -> int:
    """Start a fork server as a copy of this process, which has one thread and no context."""
    pid = os.fork()
    if pid == 0:
        _serve(requests)
    return pid


def by_exec(requests: socket.socket) -> int:
    """Start a fork server from a process that may have contexts and threads."""
    requests.set_inheritable(True)
    words = interpreter.command("zmqdev.cli.child", str(requests.fileno()), arguments=True)
    return os.posix_spawn(words[0], words, os.environ)


def main(arguments: Sequence[str]) -> NoReturn:
    """Serve the socket whose descriptor is the first argument."""
    _serve(socket.socket(fileno=int(arguments[0])))


def _serve(requests: socket.socket) -> NoReturn:
    kept = environment(os.environ) | journal.for_parts(sys.stderr)
    os.environ.clear()
    os.environ.update(kept)
    process_title.show("zmqdev: starts parts")
    for module in NEEDED:
        importlib.import_module(module)
    serve(requests, _become)


def _become(task: PartTask) -> int:
    from zmqdev.cli.program import guarded

    process_title.show(f"zmqdev {task.kind}: {task.name}")
    crash.leave_to_parent()
    stdio.renew()
    return guarded(lambda: _do(task))


def _do(task: PartTask) -> int:
    if isinstance(task.spec, DeviceSpec):
        from zmqdev.cli.start_device import run_device
        from zmqdev.options.kind import KINDS

        return run_device(KINDS[task.kind], task.spec)
    from zmqdev.cli.start_endpoint import run_endpoint
    from zmqdev.options.endpoint import ENDPOINTS

    return run_endpoint(ENDPOINTS[task.kind], task.spec)


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of parts: that of `run` without what is not meant for them.

    Variables like ZMQDEV_QUEUE_... are for commands that a user types, and those of
    systemd are for `run` alone.
    """
    heads = tuple(f"ZMQDEV_{kind.upper()}_" for kind in kinds())
    heads += ("NOTIFY_SOCKET", "WATCHDOG_")
    kept = {name: value for name, value in environ.items() if not name.startswith(heads)}
    return kept | {"PYTHONUNBUFFERED": "1"}


if __name__ == "__main__":
    main(sys.argv[1:])
