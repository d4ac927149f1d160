"""Where control sockets are: the directory, the names, what is left behind."""

from __future__ import annotations

import os
import socket
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from zmqdev.control import runtimedir
from zmqdev.errors import RunError
from zmqdev.options.runtime_place import IPC_LONGEST
from zmqdev.system import ipcfile, runtime_place


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary directory of the test's own."""
    place = tmp_path / "tmp"
    place.mkdir()
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(place))
    return place


@contextmanager
def listening(path: Path) -> Iterator[None]:
    with socket.socket(socket.AF_UNIX) as here:
        here.bind(str(path))
        here.listen()
        yield


def test_the_users_runtime_directory_comes_first(tmp_path: Path) -> None:
    place = runtime_place.prepare({"XDG_RUNTIME_DIR": str(tmp_path)})
    assert place == tmp_path / "zmqdev"
    assert stat.S_IMODE(place.stat().st_mode) == 0o700


def test_without_one_a_private_directory_below_the_temporary_one_is_made(temporary: Path) -> None:
    place = runtime_place.prepare({})
    assert place == temporary / f"zmqdev-{os.getuid()}"
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert runtime_place.prepare({}) == place


def test_a_runtime_directory_that_does_not_exist_is_passed_over(temporary: Path) -> None:
    assert runtime_place.prepare({"XDG_RUNTIME_DIR": "/nonexistent"}).parent == temporary


def test_a_path_too_long_for_a_socket_is_passed_over(tmp_path: Path, temporary: Path) -> None:
    long = tmp_path / ("x" * 60) / ("y" * 60)
    long.mkdir(parents=True)
    assert runtime_place.prepare({"XDG_RUNTIME_DIR": str(long)}).parent == temporary


def test_a_directory_that_somebody_else_made_open_is_closed(temporary: Path) -> None:
    place = temporary / f"zmqdev-{os.getuid()}"
    place.mkdir()
    place.chmod(0o777)
    assert stat.S_IMODE(runtime_place.prepare({}).stat().st_mode) == 0o700


def test_a_link_in_place_of_the_directory_is_refused(temporary: Path, tmp_path: Path) -> None:
    (temporary / f"zmqdev-{os.getuid()}").symlink_to(tmp_path)
    with pytest.raises(RunError, match="is not a directory"):
        runtime_place.prepare({})


def test_a_directory_of_another_user_is_refused(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime_place.prepare({})
    (temporary / "zmqdev-12345").mkdir()
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    with pytest.raises(RunError, match="belongs to another user"):
        runtime_place.prepare({})


def test_a_file_in_its_place_is_refused_and_left_alone(temporary: Path) -> None:
    file = temporary / f"zmqdev-{os.getuid()}"
    file.write_text("mine")
    with pytest.raises(RunError):
        runtime_place.prepare({})
    assert file.read_text() == "mine"


def test_a_second_device_of_the_same_name_gets_a_number() -> None:
    place = runtime_place.prepare({})
    with listening(place / "queue.sock"), runtimedir.claim(place, "queue") as found:
        assert found.name == "queue-2"
        assert found.address == f"ipc://{place}/queue-2.sock"


def test_what_a_crash_left_behind_is_removed_and_its_name_free_again() -> None:
    place = runtime_place.prepare({})
    with listening(place / "queue.sock"):
        pass
    assert (place / "queue.sock").exists()
    with runtimedir.claim(place, "queue") as found:
        assert found.name == "queue"
        assert not (place / "queue.sock").exists()


def test_a_regular_file_is_never_removed() -> None:
    place = runtime_place.prepare({})
    (place / "queue.sock").write_text("mine")
    with runtimedir.claim(place, "queue") as found:
        assert found.name == "queue-2"
    assert (place / "queue.sock").read_text() == "mine"


def test_those_that_run_are_found_in_both_places(tmp_path: Path) -> None:
    environ = {"XDG_RUNTIME_DIR": str(tmp_path)}
    first, second = runtime_place.prepare(environ), runtime_place.prepare({})
    with listening(first / "one.sock"), listening(second / "two.sock"):
        with listening(second / "gone.sock"):
            pass
        assert [found.name for found in runtimedir.running(environ)] == ["one", "two"]
    assert runtimedir.running(environ) == []


@pytest.mark.parametrize("name", ["../../etc/passwd", "a b/c", ".hidden", "", "🙂", "x" * 300])
def test_any_name_makes_a_file_in_the_directory_that_can_be_bound(name: str) -> None:
    place = runtime_place.prepare({})
    with runtimedir.claim(place, name) as found:
        path = Path(found.address.removeprefix("ipc://"))
        assert path.parent == place
        assert len(os.fsencode(path)) <= IPC_LONGEST
        with listening(path):
            assert [one.name for one in runtimedir.running({})] == [found.name]


def test_a_stopped_program_that_holds_the_lock_does_not_hold_up_others() -> None:
    place = runtime_place.prepare({})
    with listening(place / "queue.sock"), runtimedir.locked(place) as first:
        assert first
        assert [found.name for found in runtimedir.running({})] == ["queue"]
        with runtimedir.locked(place, 0.01) as second:
            assert not second


def test_long_names_that_differ_at_their_ends_stay_apart() -> None:
    assert runtimedir.file_name("x" * 100 + "a", 40) != runtimedir.file_name("x" * 100 + "b", 40)


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where systemd makes the directory of services."""
    place = tmp_path / "run"
    place.mkdir()
    place.chmod(0o750)
    monkeypatch.setattr("zmqdev.options.runtime_place.SERVICES", place)
    return place


def test_a_service_uses_the_directory_that_systemd_made_for_it(
    services: Path, tmp_path: Path
) -> None:
    environ = {"RUNTIME_DIRECTORY": f"/run/other:{services}", "XDG_RUNTIME_DIR": str(tmp_path)}
    assert runtime_place.prepare(environ) == services
    assert stat.S_IMODE(services.stat().st_mode) == 0o750
    assert runtime_place.prepare({}) != services


def test_a_directory_of_services_that_others_write_is_closed(services: Path) -> None:
    services.chmod(0o770)
    runtime_place.prepare({"RUNTIME_DIRECTORY": str(services)})
    assert stat.S_IMODE(services.stat().st_mode) == 0o700


def test_services_are_found_beside_this_users_devices(services: Path) -> None:
    place = runtime_place.prepare({})
    with (
        listening(place / "queue.sock"),
        listening(services / "queue.sock"),
        listening(services / "other.sock"),
    ):
        with listening(services / "gone.sock"):
            pass
        found = {one.name: one.address for one in runtimedir.running({})}
    assert found == {
        "queue": f"ipc://{place}/queue.sock",
        "other": f"ipc://{services}/other.sock",
        "run/queue": f"ipc://{services}/queue.sock",
    }
    assert (services / "gone.sock").exists()


def test_a_service_finds_itself_once(services: Path) -> None:
    with listening(services / "queue.sock"):
        found = runtimedir.running({"RUNTIME_DIRECTORY": str(services)})
    assert [one.name for one in found] == ["queue"]


@pytest.mark.parametrize(
    ("name", "mode"), [("queue.sock", 0o660), ("queue.tap", 0o660), ("jobs.ipc", 0o600)]
)
def test_the_group_of_services_steers_them_and_takes_no_messages(
    services: Path, name: str, mode: int
) -> None:
    with ipcfile.private(services / name), listening(services / name):
        assert stat.S_IMODE((services / name).stat().st_mode) == mode
