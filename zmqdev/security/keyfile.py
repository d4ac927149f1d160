"""Certificate files on disk: readable by their owner only, and never overwritten."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from zmqdev.errors import RunError, UsageError
from zmqdev.security.certificate import LONGEST_FILE, Certificate, parse, render
from zmqdev.system.bounded_file import read_file
from zmqdev.wire import z85

log = logging.getLogger("zmqdev.security")
PUBLIC_SUFFIX = ".key"
SECRET_SUFFIX = ".key_secret"
# Seconds that the writer of a pipe may take.
PIPE_WAIT = 1.0


def generate(metadata: Iterable[tuple[str, str]] = ()) -> Certificate:
    """Generate a key pair with libsodium, through libzmq."""
    import zmq

    public, secret = zmq.curve_keypair()
    return Certificate(public.decode(), secret.decode(), tuple(metadata))


def derive(secret: str) -> str:
    """Return the public key of a secret key, both in Z85."""
    import zmq

    public: bytes = zmq.curve_public(secret.encode())
    return public.decode()


def write_pair(certificate: Certificate, base: Path, when: datetime) -> tuple[Path, Path]:
    """Write `base.key` and `base.key_secret`, both or neither.

    Raises UsageError when either exists, RunError when it cannot be written.
    """
    public = base.with_name(base.name + PUBLIC_SUFFIX)
    secret = base.with_name(base.name + SECRET_SUFFIX)
    _create(secret, render(certificate, when, secret=True), 0o600)
    try:
        _create(public, render(certificate, when, secret=False), 0o644)
    except BaseException:
        secret.unlink()
        raise
    return public, secret


def _create(path: Path, text: str, mode: int) -> None:
    """Make a new file that appears complete: it is written beside its place, then linked there.

    `link` fails when the name exists, so two programs cannot overwrite each other, and
    a full disk leaves no part of a key.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        _write_whole(draft, text.encode(), mode)
        os.link(draft, path)
    except FileExistsError:
        raise UsageError("already exists", str(path)) from None
    except OSError as error:
        raise RunError(f"cannot write {path}: {_reason(error)}") from error
    finally:
        with suppress(OSError):
            draft.unlink()


def _write_whole(path: Path, data: bytes, mode: int) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(handle)


def read_whole(path: Path, most: int) -> bytes:
    """Read a file of at most `most` bytes; raises UsageError for a longer one."""
    data = read_bounded(path, most)
    if len(data) > most:
        raise UsageError(f"larger than {most} bytes", str(path))
    return data


def load(path: Path) -> Certificate:
    """Read a certificate file; raises UsageError with `path:line:column`."""
    return parse(read_bounded(path, LONGEST_FILE), str(path))


def load_secret(path: Path) -> Certificate:
    """Read a secret file, which must contain the secret key and be private to its owner."""
    certificate = load(path)
    if certificate.secret is None:
        raise UsageError(f"holds no secret-key; is {path.stem}{SECRET_SUFFIX} meant?", str(path))
    if derive(certificate.secret) != certificate.public:
        raise UsageError("the public-key does not belong to the secret-key", str(path))
    refuse_shared(path)
    return certificate


def refuse_shared(path: Path) -> None:
    """Refuse a file with secrets that other users can read, as ssh does.

    systemd grants a service its credentials through an access list, whose mask appears
    in place of the group's rights.
    """
    found = path.stat()
    mode = found.st_mode & 0o777
    credential = found.st_uid == 0 and str(path.parent) == os.environ.get("CREDENTIALS_DIRECTORY")
    if mode & (0o037 if credential else 0o077):
        raise UsageError(f"others can read it (mode {mode:04o}): chmod 600 {path}", str(path))


def refuse_writable(path: Path) -> None:
    """Refuse a file or directory that controls access when other users can change it."""
    try:
        mode = path.stat().st_mode & 0o777
    except OSError as error:
        raise UsageError(f"cannot be read: {_reason(error)}", str(path)) from error
    if mode & 0o022:
        raise UsageError(f"others can write it (mode {mode:04o}): chmod go-w {path}", str(path))


def load_directory(directory: Path) -> dict[bytes, str]:
    """Read the public certificates of a directory; return {32-byte key: name}.

    `DIR/PREFIX*` means the files whose names begin with PREFIX, since systemd puts all
    credentials of a service into one directory. The name is the certificate's `name`
    property, else the file's stem without the prefix. An empty directory admits no
    peer. Raises UsageError for the first file that is not a certificate, so that a
    mistake does not lock a peer out silently, and for one name with two keys, because
    rights are granted by name.
    """
    keys: dict[bytes, str] = {}
    owners: dict[str, Path] = {}
    prefix, some, _ = directory.name.partition("*")
    if some:
        directory = directory.parent
    else:
        prefix = ""
    refuse_writable(directory)
    for path in _certificates(directory, prefix):
        if path.exists() and not path.is_file():
            raise UsageError("cannot be read: it is not a file", str(path))
        certificate = load(path)
        refuse_writable(path)
        key, name = z85.key(certificate.public), certificate.name or path.stem.removeprefix(prefix)
        if key in keys:
            continue
        if name in owners:
            raise UsageError(f"has the name {name!r}, as {owners[name]} has", str(path))
        keys[key], owners[name] = name, path
    return keys


def _certificates(directory: Path, prefix: str) -> list[Path]:
    """Return the public certificates of a directory.

    Files with other names are reported, because their owner may believe that they admit
    a peer.
    """
    try:
        found = sorted(one for one in directory.iterdir() if one.name.startswith(prefix))
    except OSError as error:
        raise UsageError(f"cannot be read: {_reason(error)}", str(directory)) from error
    for path in found:
        if path.suffix not in (PUBLIC_SUFFIX, SECRET_SUFFIX) and not path.name.startswith("."):
            log.warning("%s: ignored; the name of a certificate ends in %s", path, PUBLIC_SUFFIX)
    return [path for path in found if path.suffix == PUBLIC_SUFFIX]


def read_bounded(path: Path, limit: int) -> bytes:
    """Read a user's file up to `limit` bytes and one more; raises UsageError.

    A reload reads it again in the loop that answers `ctl`, so it does not wait long for
    a pipe.
    """
    try:
        return read_file(path, limit, wait=PIPE_WAIT)
    except OSError as error:
        raise UsageError(f"cannot be read: {_reason(error)}", str(path)) from error
    except ValueError as error:
        raise UsageError(f"cannot be read: {error}", str(path)) from None


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
