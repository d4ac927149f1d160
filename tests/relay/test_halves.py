"""One contract, two halves: which one is used, and that they look the same."""

from __future__ import annotations

import importlib
import inspect
import os
import shutil
import subprocess
import sys
import sysconfig
from types import ModuleType

import pytest

from zmqdev.relay import NATIVE, twin, why_not_native
from zmqdev.system import libzmq

SAYS_WHICH = "from zmqdev.relay import NATIVE, why_not_native; print(NATIVE, why_not_native())"
WITHOUT_C = "import sys; sys.modules['zmqdev.relay._native'] = None\n"


def choose(relay: str | None, code: str = SAYS_WHICH) -> str:
    """What a new process says when it is asked for a half."""
    environment = {name: value for name, value in os.environ.items() if name != "ZMQDEV_RELAY"}
    if relay is not None:
        environment["ZMQDEV_RELAY"] = relay
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment
    )
    return (result.stdout + result.stderr).strip().splitlines()[-1]


def test_the_c_half_is_there_wherever_it_could_be_built() -> None:
    compiler = shutil.which((sysconfig.get_config_var("CC") or "cc").split()[0])
    if os.environ.get("ZMQDEV_RELAY") == "python":
        assert why_not_native() == "ZMQDEV_RELAY=python asks for the other"
    elif compiler:
        assert NATIVE, why_not_native()
    assert (why_not_native() is None) == NATIVE


def test_python_can_be_asked_for() -> None:
    assert choose("python") == "False ZMQDEV_RELAY=python asks for the other"


def test_without_the_c_half_it_says_why() -> None:
    said = choose(None, WITHOUT_C + SAYS_WHICH)
    assert said == "False it was not built, as when there is no C compiler"


def test_asking_for_what_is_not_there_is_an_error() -> None:
    said = choose("native", WITHOUT_C + SAYS_WHICH)
    assert said.startswith("zmqdev.errors.RunError: ZMQDEV_RELAY=native, but it cannot be used")


def test_asking_for_something_else_is_wrong_usage() -> None:
    assert choose("rust") == (
        "zmqdev.errors.UsageError: ZMQDEV_RELAY: 'rust' is not one of native, python"
    )


@pytest.fixture
def native() -> ModuleType:
    """The C half, which must be there for these tests of its binding."""
    if why_not_native() == "ZMQDEV_RELAY=python asks for the other" or NATIVE:
        return importlib.import_module("zmqdev.relay.native")
    raise AssertionError(why_not_native())


@pytest.mark.parametrize("name", ["__init__", "run", "close"])
def test_both_relays_are_called_alike(native: ModuleType, name: str) -> None:
    ours, theirs = getattr(native.Relay, name), getattr(twin.Relay, name)
    assert inspect.signature(ours) == inspect.signature(theirs)


def test_a_binary_of_another_version_is_refused(
    native: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(native._native, "ROWS", ("messages",))
        with pytest.raises(ImportError, match="another version"):
            importlib.reload(native)
    importlib.reload(native)


def test_a_function_that_libzmq_lacks_is_named(native: ModuleType) -> None:
    with pytest.raises(ImportError, match="zmq_from_the_future"):
        native.addresses(("zmq_msg_recv", "zmq_from_the_future"))


def test_a_pyzmq_that_keeps_its_library_elsewhere_is_named(
    native: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(libzmq, "BACKENDS", ())
    with pytest.raises(ImportError, match="unknown place"):
        native.addresses(("zmq_msg_recv",))
