"""Files that say who is let in: others cannot write them, and no reload waits for one."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
import zmq

from zmqdev.errors import UsageError
from zmqdev.options.network import network
from zmqdev.security import acl
from zmqdev.security.keyfile import load_directory, read_bounded
from zmqdev.security.networks import networks
from zmqdev.topology import read


def certificate(place: Path) -> Path:
    public, _ = zmq.curve_keypair()
    place.write_text(f'curve\n    public-key = "{public.decode()}"\n')
    place.chmod(0o644)
    return place


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    made = tmp_path / "keys"
    made.mkdir(mode=0o755)
    certificate(made / "bob.key")
    return made


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o777])
def test_a_directory_that_others_can_write_lets_nobody_in(keys: Path, mode: int) -> None:
    assert list(load_directory(keys).values()) == ["bob"]
    keys.chmod(mode)
    with pytest.raises(UsageError, match="others can write it"):
        load_directory(keys)


@pytest.mark.parametrize("mode", [0o664, 0o646])
def test_nor_does_one_with_a_key_that_others_can_write(keys: Path, mode: int) -> None:
    (keys / "bob.key").chmod(mode)
    with pytest.raises(UsageError, match=r"chmod go-w .*bob\.key"):
        load_directory(keys)


def test_rights_that_others_can_write_are_refused(tmp_path: Path) -> None:
    rights = tmp_path / "rights"
    rights.write_text("* subscribe public.\n")
    rights.chmod(0o644)
    acl.load(rights)
    rights.chmod(0o666)
    with pytest.raises(UsageError, match="others can write it"):
        acl.load(rights)


def test_a_fifo_among_the_keys_blocks_nothing(keys: Path) -> None:
    os.mkfifo(keys / "trap.key", 0o600)
    with pytest.raises(UsageError, match="not a file"):
        load_directory(keys)


def test_a_pipe_is_read_and_one_that_says_nothing_is_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(pipe, os.O_WRONLY)
    began = time.monotonic()
    with pytest.raises(UsageError, match="nothing more came"):
        read_bounded(pipe, 100)
    assert time.monotonic() - began < 10
    os.write(writer, b"secret")
    os.close(writer)
    assert read_bounded(pipe, 100) == b"secret"
    os.close(reader)


@pytest.mark.parametrize("name", ["/dev/zero", "/dev/null"])
def test_a_device_is_no_configuration(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="neither a file nor a pipe"):
        read.load(name)
    with pytest.raises(UsageError, match="neither a file nor a pipe"):
        read_bounded(Path(name), 100)


def test_a_file_without_end_is_no_configuration(tmp_path: Path) -> None:
    large = tmp_path / "large.yaml"
    with large.open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(UsageError, match="larger than 16 MiB"):
        read.load(str(large))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("::ffff:127.0.0.1", "127.0.0.1/32"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
        ("::/0", "::/0"),
        ("2001:db8::/32", "2001:db8::/32"),
    ],
)
def test_mapped_networks_are_those_of_ipv4(written: str, meant: str) -> None:
    assert str(network(written)) == meant


def test_a_mapped_address_is_denied_and_allowed_as_it_is_meant() -> None:
    assert networks([], ["::ffff:127.0.0.1"]).refusal("127.0.0.1")
    assert networks([], ["::ffff:127.0.0.1"]).refusal("::ffff:127.0.0.1")
    assert networks(["::ffff:10.0.0.0/104"], []).refusal("10.1.2.3") is None
