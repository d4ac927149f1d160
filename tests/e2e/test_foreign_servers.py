"""Servers of other makes behind `queue --keep-ids`, with nothing of them changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from support import foreign
from support.processes import Start, until

Ports = Callable[[int], list[int]]
FREE = "tcp://127.0.0.1:*"

LOCUST = """
from locust import User, constant, events, task
class Quick(User):
    wait_time = constant(0.05)
    @task
    def work(self):
        events.request.fire(request_type="test", name="work", response_time=1,
                            response_length=0, exception=None, context={})
"""

ZERORPC_SERVER = """
import sys, zerorpc
class Api(object):
    def hello(self, name):
        return "hello " + name
    @zerorpc.stream
    def count(self, most):
        return iter(range(most))
server = zerorpc.Server(Api())
server.bind(sys.argv[1])
server.run()
"""

ZERORPC_CLIENT = """
import sys, zerorpc
client = zerorpc.Client(sys.argv[1], timeout=40)
assert client.hello("world") == "hello world"
assert list(client.count(500)) == list(range(500))
print("served")
"""

KERNEL_CLIENT = """
import sys
from jupyter_client import BlockingKernelClient
client = BlockingKernelClient(connection_file=sys.argv[1])
client.load_connection_file()
client.start_channels(stdin=False)
client.wait_for_ready(timeout=50)
name = sys.argv[2]
client.execute(f"mine_{name} = {name!r}", reply=True, timeout=40)
seen = []
client.execute_interactive(f"print('here', mine_{name})", timeout=40, allow_stdin=False,
    output_hook=lambda message: seen.append(message["content"].get("text", "")))
assert "here " + name in "".join(seen), seen
print("served")
"""


def keeper(start: Start, server: str) -> int:
    """The port that its peers connect to."""
    device = start(
        *("queue", "--keep-ids", "--frontend-bind", FREE, "--backend-connect", server),
        *("--stats", "off"),
        ready=True,
    )
    return int(device.ready()["frontend"][0].rpartition(":")[2])


@foreign.needs("locust")
def test_a_locust_master_sees_each_of_its_workers(
    start: Start, free_ports: Ports, tmp_path: Path
) -> None:
    [port] = free_ports(1)
    (tmp_path / "locustfile.py").write_text(LOCUST)
    front = keeper(start, f"tcp://127.0.0.1:{port}")
    with ExitStack() as stack:
        master = stack.enter_context(
            foreign.running(
                *("-m", "locust", "--master", "--headless", "--expect-workers", "2"),
                *("--master-bind-host", "127.0.0.1", "--master-bind-port", str(port)),
                *("-u", "4", "-r", "4", "-t", "2s", "--only-summary"),
                place=tmp_path,
                name="master",
            )
        )
        for number in range(2):
            stack.enter_context(
                foreign.running(
                    *("-m", "locust", "--worker", "--master-host", "127.0.0.1"),
                    *("--master-port", str(front)),
                    place=tmp_path,
                    name=f"worker{number}",
                )
            )
        assert master.wait(foreign.PATIENCE) == 0
    log = foreign.said(tmp_path, "master")
    assert "2 workers connected" in log, log
    assert "to 2 ready workers" in log
    assert log.count(") quit.") == 2


@foreign.needs("zerorpc")
def test_zerorpc_clients_are_served_and_get_their_streams(
    start: Start, free_ports: Ports, tmp_path: Path
) -> None:
    [port] = free_ports(1)
    server = f"tcp://127.0.0.1:{port}"
    front = keeper(start, server)
    with ExitStack() as stack:
        stack.enter_context(
            foreign.running("-c", ZERORPC_SERVER, server, place=tmp_path, name="server")
        )
        clients = [
            stack.enter_context(
                foreign.running(
                    *("-c", ZERORPC_CLIENT, f"tcp://127.0.0.1:{front}"),
                    place=tmp_path,
                    name=f"client{number}",
                )
            )
            for number in range(3)
        ]
        for number, client in enumerate(clients):
            assert client.wait(foreign.PATIENCE) == 0, foreign.said(tmp_path, f"client{number}")


@foreign.needs("ipykernel")
def test_two_clients_of_an_ipython_kernel(start: Start, tmp_path: Path) -> None:
    """The kernel's shell and control are ROUTERs; what it prints comes by a forwarder of its own
    PUB, which is left out here."""
    file = tmp_path / "kernel.json"
    with foreign.running(
        "-m", "ipykernel_launcher", "-f", str(file), place=tmp_path, name="kernel"
    ):
        until(lambda: file.exists() and file.read_text().endswith("}"), "the kernel is there")
        told = json.loads(file.read_text())
        for channel in ("shell_port", "control_port"):
            told[channel] = keeper(start, f"tcp://127.0.0.1:{told[channel]}")
        behind = tmp_path / "behind.json"
        behind.write_text(json.dumps(told))
        with ExitStack() as stack:
            clients = {
                name: stack.enter_context(
                    foreign.running(
                        "-c", KERNEL_CLIENT, str(behind), name, place=tmp_path, name=name
                    )
                )
                for name in ("alice", "bob")
            }
            for name, client in clients.items():
                assert client.wait(foreign.PATIENCE) == 0, foreign.said(tmp_path, name)
