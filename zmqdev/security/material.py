"""What a side's security options refer to: keys for its socket, and its policy for peers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from zmqdev.errors import UsageError
from zmqdev.options.security import AT_FILE, Security
from zmqdev.options.security_check import mechanism, role
from zmqdev.security import passwords
from zmqdev.security.keyfile import (
    derive,
    generate,
    load,
    load_directory,
    load_secret,
    read_bounded,
    refuse_shared,
    refuse_writable,
)
from zmqdev.security.networks import networks
from zmqdev.security.policy import Policy
from zmqdev.wire import z85

LONGEST_SECRET = 4096


@dataclass(frozen=True)
class Material:
    """Socket options by their ZeroMQ names, and the policy of a side that checks its peers."""

    options: Mapping[str, bytes | int] = field(default_factory=dict, repr=False)
    policy: Policy | None = None


def read(side: Security) -> Material:
    """Read the files of the options; raises UsageError with the file and line that is wrong."""
    return _READERS[mechanism(side), role(side)](side)


def _null_server(side: Security) -> Material:
    """Return a policy only when networks are restricted.

    With a ZAP handler libzmq disconnects peers of ZMTP 1.0 and 2.0, whose handshake
    cannot be refused.
    """
    if not (side.allow or side.deny):
        return Material()
    return Material({}, Policy(networks=networks(side.allow, side.deny)))


def _null_client(side: Security) -> Material:
    return Material()


def _plain_server(side: Security) -> Material:
    users = passwords.load(Path(side.plain_users or ""))
    policy = Policy("PLAIN", networks=networks(side.allow, side.deny), users=users)
    return Material({"plain_server": 1}, policy)


def _plain_client(side: Security) -> Material:
    return Material(
        {
            "plain_username": (side.plain_username or "").encode(),
            "plain_password": secret(side.plain_password or "").encode(),
        }
    )


def _curve_server(side: Security) -> Material:
    public, own_secret = _own_key(side)
    keys = load_directory(Path(side.authorized_keys)) if side.authorized_keys else None
    policy = Policy("CURVE", networks=networks(side.allow, side.deny), keys=keys)
    return Material({"curve_server": 1, **_pair(public, own_secret)}, policy)


def _curve_client(side: Security) -> Material:
    public, own_secret = _own_key(side)
    server = public_key(side.server_key or "").encode()
    return Material({"curve_serverkey": server, **_pair(public, own_secret)})


def _pair(public: bytes, own_secret: bytes) -> dict[str, bytes | int]:
    return {"curve_publickey": public, "curve_secretkey": own_secret}


_READERS = {
    ("null", "server"): _null_server,
    ("null", "client"): _null_client,
    ("plain", "server"): _plain_server,
    ("plain", "client"): _plain_client,
    ("curve", "server"): _curve_server,
    ("curve", "client"): _curve_client,
}


def _own_key(side: Security) -> tuple[bytes, bytes]:
    """Return public and secret key in Z85.

    A client without a key gets one for this run; only a server that admits any key
    accepts it.
    """
    if side.curve_key:
        certificate = load_secret(Path(side.curve_key))
    elif side.curve_secret:
        # One key in 85 begins with the @ of @FILE; it is a key unless such a file
        # exists.
        given = side.curve_secret
        own = _is_key(given) and not Path(given.removeprefix(AT_FILE)).exists()
        text = given if own else _checked(secret(given), "curve-secret")
        return derive(text).encode(), text.encode()
    else:
        certificate = generate()
    return certificate.public.encode(), (certificate.secret or "").encode()


def public_key(text: str) -> str:
    """Return a public key in Z85, given the key itself or a certificate file."""
    if _is_key(text):
        return text
    refuse_writable(Path(text))
    return load(Path(text)).public


def secret(text: str) -> str:
    """Return a secret, given itself or `@FILE`: the text of the file without its final newline."""
    if not text.startswith(AT_FILE):
        return text
    path = Path(text.removeprefix(AT_FILE))
    data = read_bounded(path, LONGEST_SECRET)
    refuse_shared(path)
    try:
        found = data.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise UsageError("secret key is not text", str(path)) from None
    if not found or len(data) > LONGEST_SECRET:
        raise UsageError("does not hold a secret of one line", str(path))
    return found


def _is_key(text: str) -> bool:
    try:
        z85.key(text)
    except ValueError:
        return False
    return True


def _checked(text: str, name: str) -> str:
    try:
        z85.key(text)
    except ValueError as error:
        raise UsageError(f"{name}: {error}") from None
    return text
