"""Sides that ask who comes in: real devices and endpoints with keys, users, networks and rights."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import zmq
from support.processes import Program, Start, until
from support.shown import refused

from zmqdev.security.keyfile import generate, load_secret, write_pair
from zmqdev.security.passwords import make_line

Context = zmq.Context[zmq.Socket[bytes]]
FREE = "tcp://127.0.0.1:*"


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A directory with the pairs of a server and two clients; `let_in` holds alice alone."""
    place = tmp_path / "keys"
    (place / "let_in").mkdir(parents=True)
    for name in ("server", "alice", "mallory"):
        write_pair(generate([("name", name)]), place / name, datetime(2024, 2, 29))
    let_in(place, "alice")
    return place


def let_in(keys: Path, name: str) -> None:
    (keys / "let_in" / f"{name}.key").write_bytes((keys / f"{name}.key").read_bytes())


def curve_side(keys: Path, side: str) -> tuple[str, ...]:
    return (
        f"--{side}-curve-key",
        str(keys / "server.key_secret"),
        f"--{side}-authorized-keys",
        str(keys / "let_in"),
    )


def own(keys: Path, name: str) -> tuple[str, ...]:
    return (
        "--curve-key",
        str(keys / f"{name}.key_secret"),
        "--server-key",
        str(keys / "server.key"),
    )


def secret_streamer(start: Start, keys: Path, *more: str) -> tuple[Program, str, str]:
    """A streamer whose frontend asks for keys and whose backend is open."""
    device = start(
        *("streamer", "--frontend-bind", FREE, "--backend-bind", FREE),
        *("--stats", "json", "--interval", "50ms", *curve_side(keys, "frontend"), *more),
        ready=True,
    )
    ready = device.ready()
    return device, ready["frontend"][0], ready["backend"][0]


def test_a_key_on_the_list_comes_in_and_the_other_side_is_open(start: Start, keys: Path) -> None:
    device, front, back = secret_streamer(start, keys)
    pull = start("pull", "-c", back, "-n", "2", "-t", "20s")
    push = start("push", "-c", front, "-D", "one", "-D", "two", "-n", "2", *own(keys, "alice"))
    assert push.wait() == 0
    assert pull.wait() == 0
    assert pull.out == b"one\ntwo\n"
    assert device.interrupt() == 0


def test_a_key_that_is_not_on_the_list_is_refused_and_both_ends_say_so(
    start: Start, keys: Path
) -> None:
    device, front, _ = secret_streamer(start, keys)
    push = start("push", "-c", front, "-D", "x", "-n", "1", "-t", "1s", *own(keys, "mallory"))
    assert push.wait() != 0
    assert "refused by the server" in push.err
    public = load_secret(keys / "mallory.key_secret").public
    assert f"key {public} is not allowed" in device.err
    until(lambda: refused(device).get("key", 0) >= 1, "the refusal is counted")
    assert device.interrupt() == 0


def test_a_refused_client_comes_back_by_itself_once_its_key_is_let_in(
    start: Start, keys: Path
) -> None:
    """SIGHUP reads the keys again; alice, who is in, stays in and loses nothing."""
    device, front, back = secret_streamer(start, keys)
    alice = start("push", "-c", front, "-i", "20ms", "-D", "alice", *own(keys, "alice"))
    pull = start("pull", "-c", back)
    until(lambda: pull.lines().count("alice") > 2, "alice is in")
    mallory = start(
        "push", "-c", front, "-D", "mallory", "-n", "1", "-t", "25s", *own(keys, "mallory")
    )
    until(lambda: refused(device).get("key"), "mallory is refused")
    let_in(keys, "mallory")
    device.signal(signal.SIGHUP)
    assert mallory.wait() == 0
    until(lambda: "mallory" in pull.lines(), "mallory is in")
    assert alice.process.poll() is None
    assert device.interrupt() == 0


def test_a_broken_certificate_at_reload_changes_nothing_and_is_said(
    start: Start, keys: Path
) -> None:
    device, front, back = secret_streamer(start, keys)
    (keys / "let_in" / "broken.key").write_text("curve\n    public-key = nonsense\n")
    device.signal(signal.SIGHUP)
    until(lambda: "not read again" in device.err, "the mistake is said")
    assert "broken.key:2:5" in device.err
    pull = start("pull", "-c", back, "-n", "1", "-t", "20s")
    push = start("push", "-c", front, "-D", "still", "-n", "1", *own(keys, "alice"))
    assert (push.wait(), pull.wait()) == (0, 0)
    assert device.interrupt() == 0


def test_a_device_connects_with_its_own_key(start: Start, keys: Path) -> None:
    """The bridge: a trusted network over ipc, an untrusted one over tcp with keys."""
    device, front, back = secret_streamer(start, keys)
    inside = start(
        *("streamer", "--name", "inside", "--frontend-bind", FREE, "--backend-connect", front),
        *("--backend-curve-key", str(keys / "alice.key_secret")),
        *("--backend-server-key", str(keys / "server.key"), "--stats", "off"),
        ready=True,
    )
    pull = start("pull", "-c", back, "-n", "1", "-t", "20s")
    push = start("push", "-c", inside.ready()["frontend"][0], "-D", "across", "-n", "1")
    assert (push.wait(), pull.wait()) == (0, 0)
    assert pull.out == b"across\n"
    assert (inside.interrupt(), device.interrupt()) == (0, 0)


def test_users_come_in_with_their_password_alone(start: Start, tmp_path: Path) -> None:
    users, word, wrong = tmp_path / "users", tmp_path / "word", tmp_path / "wrong"
    for path, text in ((users, make_line("bob", b"sesame")), (word, "sesame"), (wrong, "guess")):
        path.write_text(text + "\n")
        path.chmod(0o600)
    pull = start("pull", "-b", FREE, "-n", "1", "--plain-users", str(users), ready=True)
    address = pull.ready()["socket"][0]
    as_bob = ("--plain-username", "bob", "--plain-password")
    bad = start("push", "-c", address, "-D", "no", "-n", "1", "-t", "1s", *as_bob, f"@{wrong}")
    assert bad.wait() != 0
    assert "user 'bob' or its password is wrong" in pull.err
    good = start("push", "-c", address, "-D", "yes", "-n", "1", *as_bob, f"@{word}")
    assert (good.wait(), pull.wait()) == (0, 0)
    assert pull.out == b"yes\n"


def test_a_denied_network_is_refused(start: Start, context: Context) -> None:
    device = start(
        *("streamer", "--frontend-bind", FREE, "--backend-bind", FREE),
        *("--frontend-deny", "127.0.0.0/8", "--stats", "json", "--interval", "50ms"),
        ready=True,
    )
    push = context.socket(zmq.PUSH)
    push.connect(device.ready()["frontend"][0])
    until(lambda: refused(device) == {"address": 1}, "the refusal is counted")
    assert "refused 127.0.0.1: address 127.0.0.1 is denied" in device.err
    assert device.interrupt() == 0


def test_rights_decide_who_gets_which_topics(start: Start, keys: Path, tmp_path: Path) -> None:
    rights = tmp_path / "rights"
    rights.write_text("alice subscribe stocks.\n")
    device = start(
        *("forwarder", "--frontend-bind", FREE, "--backend-bind", FREE),
        *("--topic-acl", str(rights), *curve_side(keys, "backend")),
        *("--stats", "json", "--interval", "50ms"),
        ready=True,
    )
    ready = device.ready()
    sub = start(
        *("sub", "-c", ready["backend"][0], "-s", "stocks.", "-s", "news."),
        *own(keys, "alice"),
    )
    until(lambda: refused(device, 1).get("rights"), "news. is refused")
    assert "alice may not subscribe to 'news.'" in device.err
    pub = start(
        *("pub", "-c", ready["frontend"][0], "--wait-subscribers", "1", "-n", "20"),
        *("-D", "news.{n}", "-D", "stocks.{n}"),
    )
    assert pub.wait() == 0
    until(lambda: len(sub.lines()) == 10, "every allowed message has come")
    assert all(line.startswith("stocks.") for line in sub.lines())
    rights.write_text("alice subscribe ''\n")
    device.signal(signal.SIGHUP)
    again = start("sub", "-c", ready["backend"][0], "-s", "news.", *own(keys, "alice"))
    second = start(
        *("pub", "-c", ready["frontend"][0], "-D", "news.now", "-i", "50ms"),
    )
    until(lambda: "news.now" in again.lines(), "the new right holds")
    assert (second.interrupt(), device.interrupt()) == (0, 0)


def test_rights_decide_which_worker_serves_what(start: Start, keys: Path, tmp_path: Path) -> None:
    rights = tmp_path / "rights"
    rights.write_text("alice serve echo\n")
    device = start(
        *("queue", "--reliable", "--frontend-bind", FREE, "--backend-bind", FREE),
        *("--topic-acl", str(rights), *curve_side(keys, "backend"), "--stats", "json"),
        *("--interval", "50ms"),
        ready=True,
    )
    ready = device.ready()
    for service in ("echo", "other"):
        start(
            *("worker", "--reliable", "--service", service, "-c", ready["backend"][0]),
            *("--reply", service, *own(keys, "alice")),
        )
    until(lambda: refused(device, 1).get("rights"), "serving `other` is refused")
    assert "alice may not serve 'other'" in device.err
    client = start(
        *("client", "--reliable", "--service", "echo", "-c", ready["frontend"][0]),
        *("-D", "x", "-n", "3", "--timeout", "20s"),
    )
    assert client.wait() == 0
    assert client.lines() == ["echo"] * 3
    assert device.interrupt() == 0


def test_no_secret_shows_anywhere(start: Start, tmp_path: Path) -> None:
    pair = generate()
    assert pair.secret is not None
    env = {
        "ZMQDEV_STREAMER_BACKEND_CURVE_SECRET": pair.secret,
        "ZMQDEV_STREAMER_FRONTEND_PLAIN_PASSWORD": "open-sesame",
    }
    words = (
        *("streamer", "--frontend-connect", "tcp://127.0.0.1:9", "--frontend-plain-username", "u"),
        *("--backend-bind", FREE, "--backend-curve-allow-any", "-vvv"),
    )
    printed = start(*words, "--print-config", env=env)
    assert printed.wait() == 0
    device = start(*words, "--stats", "json", "--interval", "50ms", env=env, ready=True, cold=True)
    device.ready()
    runtime = {"XDG_RUNTIME_DIR": str(tmp_path / "run")}
    asked = [start("ctl", "streamer", verb, "--json", env=runtime) for verb in ("status", "config")]
    assert [one.wait() for one in asked] == [0, 0]
    until(lambda: device.lines(), "it has shown something")
    line = Path(f"/proc/{device.process.pid}/cmdline").read_text()
    told = [printed.out.decode(), device.out.decode(), device.err, line]
    told += [one.out.decode() for one in asked]
    for secret in (pair.secret, "open-sesame"):
        assert not any(secret in text for text in told)
    assert device.interrupt() == 0


@pytest.mark.parametrize("form", ["{}", "--store={}"])
def test_the_password_of_a_store_is_covered_in_the_list_of_processes(
    form: str, start: Start, free_ports: Callable[[int], list[int]]
) -> None:
    [port] = free_ports(1)  # nothing listens there
    url = f"postgresql://zmq:open-sesame@127.0.0.1:{port}/db"
    words = ("store", url) if form == "{}" else ("queue", "--reliable", form.format(url))
    program = start(*words, cold=True)
    shown = Path(f"/proc/{program.process.pid}/cmdline")
    seen: list[str] = []
    until(lambda: seen.append(shown.read_text()) or program.process.poll() is not None, "it ends")
    assert program.wait() == 1
    assert "zmq@127.0.0.1" in "".join(seen)
    assert "a password on the command line" in program.err
    assert "open-sesame" not in program.err


def test_a_side_that_is_a_client_of_its_handshakes_is_not_bound_later(
    start: Start, tmp_path: Path
) -> None:
    """It would be open to anybody, or to nobody."""
    env = {"ZMQDEV_STREAMER_BACKEND_PLAIN_PASSWORD": "sesame"}
    words = ("--backend-connect", "tcp://127.0.0.1:9", "--backend-plain-username", "u")
    device = start("streamer", "--frontend-bind", FREE, *words, env=env, ready=True)
    device.ready()
    runtime = {"XDG_RUNTIME_DIR": str(tmp_path / "run")}
    asked = start("ctl", "streamer", "bind", "backend", FREE, env=runtime)
    more = start("ctl", "streamer", "connect", "backend", "tcp://127.0.0.1:8", env=runtime)
    assert (asked.wait(), more.wait()) == (1, 0)
    assert "a side with PLAIN binds or connects, not both; this one connects" in asked.err


MISTAKES: list[tuple[tuple[str, ...], str]] = [
    (("--frontend-security", "curve"), "a side that binds needs its own key"),
    (("--frontend-curve-key", "k"), "authorized-keys DIR"),
    (
        (
            "--frontend-curve-key",
            "k",
            "--frontend-authorized-keys",
            ".",
            "--frontend-curve-allow-any",
        ),
        "leave one out",
    ),
    (("--frontend-server-key", "k"), "is for a side that connects; this one binds"),
    (("--backend-connect", "tcp://h:1", "--backend-security", "curve"), "needs server-key"),
    (
        ("--backend-connect", "tcp://h:1", "--backend-allow", "10.0.0.0/8"),
        "is for a side that binds",
    ),
    (("--frontend-security", "plain", "--frontend-curve-key", "k"), "belongs to CURVE"),
    (("--frontend-security", "plain"), "needs plain-users"),
    (("--frontend-allow", "10.0.0.1/8"), "did you mean 10.0.0.0/8"),
    (
        (
            *("--backend-connect", "tcp://h:1", "--backend-plain-username", "u"),
            *("--backend-plain-password", "clear"),
        ),
        "every user of this machine can read it",
    ),
    (
        ("--frontend-curve-allow-any", "--frontend-curve-secret", "@" + "a/.-:" * 7 + "Key1"),
        "every user of this machine can read it here; write @FILE, or set the environment "
        "variable; the path of a file that looks like a key goes after @./ or @/./",
    ),
    (("--topic-acl", "f"), "needs an XPUB backend"),
    (
        ("--frontend-bind", FREE, "--frontend-connect", "tcp://h:1", "--frontend-plain-users", "f"),
        "binds or connects, not both",
    ),
    (("--frontend-plain-users", "/no/such/file"), "/no/such/file: cannot be read"),
    (
        ("--frontend-curve-key", "/no/such", "--frontend-curve-allow-any"),
        "/no/such: cannot be read",
    ),
]


@pytest.mark.parametrize(("words", "why"), MISTAKES, ids=[why for _, why in MISTAKES])
def test_a_mistake_is_one_line_with_the_fix(start: Start, words: tuple[str, ...], why: str) -> None:
    binds = () if "--frontend-bind" in words else ("--frontend-bind", FREE)
    backend = () if "--backend-connect" in words else ("--backend-bind", FREE)
    device = start("streamer", *binds, *backend, "--control", "off", *words)
    assert device.wait() == 2
    lines = device.err.splitlines()
    assert len(lines) == 1
    assert why in lines[0]


def test_keygen_makes_a_pair_once(start: Start, tmp_path: Path) -> None:
    base = str(tmp_path / "server")
    assert start("keygen", base).wait() == 0
    assert load_secret(tmp_path / "server.key_secret").name == "server"
    again = start("keygen", base)
    assert again.wait() == 2
    assert "already exists" in again.err


def test_keygen_prints_a_pair_and_a_users_line(start: Start) -> None:
    env = start("keygen", "--form", "env")
    assert env.wait() == 0
    assert env.lines()[0].startswith("CURVE_PUBLICKEY='")
    line = start("keygen", "--user", "bob")
    line.feed(b"sesame\n")
    assert line.wait() == 0
    assert line.lines()[0].startswith("bob:$scrypt$ln=14,r=8,p=1$")


@pytest.mark.parametrize(
    "words",
    [("--user", "a:b"), ("--user", "bob", "x"), ("x", "--meta", "y"), ("x", "--form", "hex")],
)
def test_keygen_says_what_is_wrong(start: Start, words: tuple[str, ...], tmp_path: Path) -> None:
    made = start("keygen", *(str(tmp_path / word) if word == "x" else word for word in words))
    made.feed(b"sesame\n")
    assert made.wait() == 2
    assert len(made.err.splitlines()) == 1


def test_probe_tells_and_its_status_follows(start: Start, keys: Path) -> None:
    device, front, back = secret_streamer(start, keys)
    hidden, seen = start("probe", front), start("probe", back, "--json")
    wrong = start("probe", back, "--as", "sub")
    closed = start("probe", "tcp://127.0.0.1:1")
    assert [one.wait() for one in (hidden, seen, wrong, closed)] == [0, 0, 3, 1]
    assert "CURVE" in hidden.out.decode()
    told: dict[str, Any] = json.loads(seen.out)
    assert (told["socket_type"], told["peers"]) == ("PUSH", ["PULL"])
    assert "a PUSH does not talk to a SUB" in wrong.out.decode()
    assert start("probe", "inproc://x").wait() == 2
    assert device.interrupt() == 0
