"""The program as it is called: version, help, and one line for each mistake."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from support import forked

import zmqdev
from zmqdev.cli.options import DeclaredOption
from zmqdev.cli.program import ROWS, CommandRow


def zmqdev_says(*words: str, **options: object) -> subprocess.CompletedProcess[str]:
    return forked.run(
        list(words), stdin=subprocess.DEVNULL, capture_output=True, text=True, **options
    )


def python(code: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run code in an interpreter that has loaded nothing; it has to succeed."""
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["queue", "--help"], ["pub", "-h"]])
def test_help_and_version_import_neither_zmq_nor_rich(words: list[str]) -> None:
    code = (
        "import sys\n"
        "from zmqdev.cli.program import run\n"
        "status = run(sys.argv[1:])\n"
        "loaded = {name.split('.')[0] for name in sys.modules}\n"
        "assert status == 0\n"
        "assert not loaded & {'zmq', 'rich', 'yaml', 'asyncio'}, loaded\n"
    )
    done = python(code, *words)
    assert done.stdout


STARTS = [
    ("streamer", ["zmqdev.broker", "zmqdev.endpoints", "zmqdev.device.keep_ids", "rich", "yaml"]),
    ("sub", ["zmqdev.options.device", "zmqdev.routing", "zmqdev.endpoints.tasks.client", "rich"]),
]


@pytest.mark.parametrize(("command", "others"), STARTS)
def test_a_program_starts_without_what_only_others_need(command: str, others: list[str]) -> None:
    """Loading modules is most of the time until the first message."""
    code = (
        "import sys\n"
        "from zmqdev.cli.program import run\n"
        "run(['" + command + "', '--duration', '10ms', *sys.argv[1:]])\n"
        "print([name for name in sys.modules])\n"
    )
    words = ["-c", "tcp://127.0.0.1:9"]
    if command == "streamer":
        words = ["--frontend-bind", "tcp://127.0.0.1:*", "--backend-bind", "tcp://127.0.0.1:*"]
        words += ["--control", "off"]
    done = python(code, *words)
    loaded = ast.literal_eval(done.stdout.splitlines()[-1])
    assert not [name for name in loaded for other in others if f"{name}.".startswith(f"{other}.")]


def test_the_version_names_the_half_of_the_relay() -> None:
    done = zmqdev_says("--version")
    assert done.stdout.startswith(f"zmqdev {zmqdev.__version__} (")
    assert "relay" in done.stdout


def test_no_command_shows_the_help_and_is_wrong_usage() -> None:
    done = zmqdev_says()
    assert done.returncode == 2
    assert "Devices:" in done.stderr


WRONG = [
    (["qeue"], "no command 'qeue'; did you mean 'queue'?"),
    (["queue", "extra"], "queue: cannot make sense of 'extra'; write a file, or the addresses"),
    (["queue", "--backend-bnd", "x"], "did you mean '--backend-bind'?"),
    (["queue", "--backend-bind"], "requires an argument"),
    (["queue", "--backend-bind", "tcp://127.0.0.1:99999"], "--backend-bind: "),
    (["queue", "--backend-bind", "tcp://127.0.0.1"], "has no port"),
    (["queue", "--backend-bind", "foo://127.0.0.1:1"], "unknown transport 'foo'"),
    (["queue", "--backend-bind", "inproc://x"], "inside one process"),
    (["queue", "--backend-bind", "ipc://" + "x" * 120], "the most is 107"),
    (["queue", "--frontend-type", "PULL", "--backend-type", "ROUTER"], "with PULL goes"),
    (["queue", "--set", "frontend.hvm=1"], "did you mean 'hwm'?"),
    (["queue", "--drain", "soon"], "--drain: 'soon' is not a duration"),
    (["queue", "--config", "missing.yaml"], "missing.yaml: cannot read it: no such"),
    (["queue", "--config", "/"], "/: the directory holds no file that ends in .yaml"),
    (["forwarder", "--subscribe", "A"], "add --frontend-type SUB"),
    (["streamer", "--on-full", "explode"], "'explode' is not one of block, drop"),
]


@pytest.mark.parametrize(("words", "message"), WRONG, ids=lambda item: str(item)[:40])
def test_a_wrong_command_line_is_one_line_and_status_2(
    words: list[str], message: str, tmp_path: Path
) -> None:
    done = zmqdev_says(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not done.stdout


FILES = [
    (b"", "c.yaml: the file is empty"),
    (b"- device: queue\n", "c.yaml:1:1: a device is written as keys and values"),
    (b"frontend: {}\n", "the file has no kind"),
    (b"device: streamer\n", "c.yaml:1:9: the file is for device 'streamer'"),
    (
        b"device: queue\nfrontent: {}\n",
        "c.yaml:2:1: unknown key 'frontent'; did you mean 'frontend'?",
    ),
    (b"device: queue\nfrontend: {bind: 5.5}\n", "c.yaml:2:18: frontend.bind: expected an address"),
    (b"device: queue\ndevice: queue\n", "c.yaml:2:1: duplicate key 'device'"),
    (b"device: queue\nbackend: [\n", "c.yaml:3:1: not YAML"),
    (bytes(range(256)), "c.yaml: not a text file"),
    (b"device: queue\nfrontend: {type: pub}\n", "c.yaml:2:18: frontend.type: 'pub' is not one of"),
]


@pytest.mark.parametrize(("content", "message"), FILES, ids=lambda item: str(item)[:30])
def test_a_wrong_file_is_one_line_and_status_2(
    content: bytes, message: str, tmp_path: Path
) -> None:
    (tmp_path / "c.yaml").write_bytes(content)
    done = zmqdev_says("queue", "--config", "c.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_an_unreadable_file_is_one_line(tmp_path: Path) -> None:
    done = zmqdev_says("queue", "--config", "/proc/self/mem", cwd=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


def test_what_is_printed_is_a_file_that_prints_the_same(tmp_path: Path) -> None:
    first = zmqdev_says(
        *("queue", "--frontend-bind", "tcp://127.0.0.1:7001", "--set", "backend.hwm=7"),
        *("--stats", "json", "--print-config"),
    )
    assert first.returncode == 0
    (tmp_path / "again.yaml").write_text(first.stdout)
    second = zmqdev_says("queue", "--config", "again.yaml", "--print-config", cwd=tmp_path)
    assert second.stdout == first.stdout


LOADING = """
import importlib.abc, os, signal, sys
class Interrupt(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "{module}":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupt())
signal.signal(signal.SIGINT, signal.SIG_IGN)  # as for a background job of a script
from zmqdev.cli import main
main()
"""


@pytest.mark.parametrize("module", ["click", "zmqdev.options.device", "zmq", "zmqdev.relay"])
def test_ctrl_c_while_the_program_loads_is_silent(module: str) -> None:
    code = LOADING.format(module=module)
    done = subprocess.run(
        [sys.executable, "-c", code, "streamer", "--duration", "60"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


NOT_UTF8 = "a\udcff"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            ["pull", "-b", f"ipc:///tmp/{NOT_UTF8}"],
            "--bind: 'ipc:///tmp/a\\xff': the address is not UTF-8 text",
        ),
        (["streamer", "--name", NOT_UTF8], "--name: 'a\\xff' is not UTF-8 text"),
        (["client", "--reliable", "--service", NOT_UTF8], "--service: 'a\\xff' is not UTF-8 text"),
        (["run", NOT_UTF8], "a\\xff: cannot read it: no such file or directory"),
        (
            ["pull", "--format", NOT_UTF8],
            "--format: 'a\\xff' is not one of text, raw, quoted, hex, json, csv",
        ),
    ],
)
def test_bytes_that_are_not_utf8_are_one_line(words: list[str], line: str) -> None:
    done = zmqdev_says(*words)
    assert (done.returncode, done.stderr) == (
        2 if words[0] != "run" else done.returncode,
        f"zmqdev: {line}\n",
    )


def test_a_routing_id_may_be_any_bytes() -> None:
    done = zmqdev_says(
        *(
            "worker",
            "-c",
            "tcp://127.0.0.1:1",
            "--type",
            "DEALER",
            "--set",
            f"routing_id={NOT_UTF8}",
        ),
        *("--duration", "0.1s"),
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("kind", ["streamer", "pull", "run"])
def test_a_ready_file_that_cannot_be_written_is_one_line(tmp_path: Path, kind: str) -> None:
    """A name that is too long fails where a directory without search permission does."""
    file = tmp_path / "part.yaml"
    file.write_text("endpoint: pull\nbind: tcp://127.0.0.1:*\n")
    free = "tcp://127.0.0.1:*"
    addresses = {
        "streamer": ["--frontend-bind", free, "--backend-bind", free],
        "pull": ["-b", free],
        "run": [str(file), "--control", "off"],
    }[kind]
    done = zmqdev_says(kind, *addresses, "--ready-file", str(tmp_path / ("x" * 300)), "-q")
    assert done.returncode == 1
    assert "file name too long" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "least"),
    [
        (["pull", "-b", "tcp://127.0.0.1:*", "--set", "maxmsgsize=63"], "maxmsgsize: 63 is below"),
        (["streamer", "--set", "backend.maxmsgsize=10"], "backend.maxmsgsize: 10 is below"),
    ],
)
def test_a_limit_of_frames_below_the_handshake_is_refused(words: list[str], least: str) -> None:
    """No peer could connect, and the log blamed socket types."""
    done = zmqdev_says(*words)
    assert done.returncode == 2
    assert least in done.stderr
    assert done.stderr.rstrip().endswith("the least is 64")


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_every_option_is_declared_and_so_obeys_the_environment(row: CommandRow) -> None:
    options = [one for one in row.load().params if isinstance(one, click.Option)]
    by_hand = {one.name for one in options if not isinstance(one, DeclaredOption)}
    assert by_hand <= {"config", "print_config"}, "they are about the command itself"


@pytest.mark.parametrize(
    ("words", "variable"),
    [
        ("top -n 1", "ZMQDEV_TOP_INTERVAL"),
        ("ctl", "ZMQDEV_CTL_TIMEOUT"),
        ("probe 1", "ZMQDEV_PROBE_TIMEOUT"),
        ("run x.yaml", "ZMQDEV_RUN_DRY_RUN"),
        ("check x.yaml", "ZMQDEV_CHECK_STRICT"),
        ("bench", "ZMQDEV_BENCH_ROUNDS"),
        ("doctor", "ZMQDEV_DOCTOR_JSON"),
        ("pull", "ZMQDEV_PULL_COUNT"),
    ],
)
def test_a_wrong_variable_is_one_line(words: str, variable: str) -> None:
    done = zmqdev_says(*words.split(), env={**os.environ, variable: "bad"})
    assert done.returncode == 2
    assert done.stderr.startswith(f"zmqdev: {variable}: ")
    assert done.stderr.count("\n") == 1


def test_every_command_is_declared_without_zmq() -> None:
    """Help must not wait for it, and the build makes the manual pages where it is not installed."""
    code = (
        "import sys; sys.modules['zmq'] = None\n"
        "from zmqdev.cli.program import ROWS\n"
        "for row in ROWS.values(): row.load()\n"
        "loaded = {name.split('.')[0] for name in sys.modules}\n"
        "assert not loaded & {'rich', 'yaml', 'asyncio', 'sqlite3'}, loaded\n"
    )
    python(code)
