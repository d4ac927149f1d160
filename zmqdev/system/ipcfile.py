"""The file behind an `ipc://` address, guarded.

Binding one deletes a regular file at that path and steals a live socket; its
mode is 0777 less the umask. So the path is looked at before the bind, and
the bind runs under a narrow umask. A control socket of a service is its group's too.
"""

from __future__ import annotations

import os
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from zmqdev.errors import RunError, in_words
from zmqdev.options.runtime_place import candidates
from zmqdev.system import address_holder
from zmqdev.system.runtime_place import prepare, shared

# What is steered and looked at: control sockets and taps.
_STEERED = (".sock", ".tap")
# The umask belongs to the whole process: one bind at a time may narrow it.
_UMASK = threading.Lock()


def path_of(address: str) -> Path | None:
    """The file of an ipc address; None for other transports and the abstract namespace."""
    transport, _, path = address.partition("://")
    if transport != "ipc" or path.startswith("@") or path == "*":
        return None
    return Path(path)


def check_free(address: str) -> None:
    """RunError when a bind would destroy or steal something, or cannot work."""
    path = path_of(address)
    if path is None:
        return
    if path.parent in candidates():
        prepare()
    if not path.parent.is_dir():
        raise RunError(f"cannot bind {address}: no directory {path.parent}; make it first")
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise RunError(f"cannot bind {address}: {os.strerror(error.errno or 0)}") from None
    if not stat.S_ISSOCK(mode):
        raise RunError(f"cannot bind {address}: {path} exists and is not a socket; move it away")
    if answers(path):
        who = address_holder.holder(address) or " by a running program"
        raise RunError(f"cannot bind {address}: address already in use{who}")


def answers(path: Path) -> bool:
    """Whether somebody has it. A socket file left by a crash refuses the connection.

    A datagram socket never connects to one that listens: the refusal of its type tells that
    somebody is there, and they hear nothing of it.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as knock:
        try:
            knock.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except PermissionError:
            return _is_listed(path)  # another user's
        except OSError:
            return True  # of another type
    return True


def _is_listed(path: Path) -> bool:
    """Whether the system has a socket of that name, in whichever folder: one that may not be
    touched tells nothing itself. True where the system does not tell."""
    try:
        listed = Path("/proc/net/unix").read_bytes()
    except OSError:
        return True
    name = os.fsencode(path.name)
    return any(line.endswith((b"/" + name, b" " + name)) for line in listed.splitlines())


def remove_left(address: str) -> None:
    """What a killed program left, after `check_free`. RunError where it may not be removed: libzmq
    would call it in use."""
    path = path_of(address)
    if path is None:
        return
    try:
        owner = path.lstat().st_uid
        path.unlink()
    except FileNotFoundError:
        return
    except OSError as error:
        raise RunError(
            f"cannot bind {address}: {path} was left by a program of user {owner} that was killed: "
            f"{in_words(error)}; remove it as that user or as root"
        ) from None


@dataclass(frozen=True)
class OwnFile:
    """The file that a bind made, known by its inode: a later one at the path is somebody else's."""

    path: Path
    device: int
    inode: int

    @classmethod
    def at(cls, path: Path) -> OwnFile:
        found = path.lstat()
        return cls(path, found.st_dev, found.st_ino)

    def remove(self) -> None:
        """libzmq leaves the file behind at close, so the owner takes it away."""
        with suppress(FileNotFoundError):
            if OwnFile.at(self.path) == self:
                self.path.unlink()


@contextmanager
def private(path: Path) -> Iterator[None]:
    """While this is open, new files of the process get the mode of a socket at `path`: 0600, or
    0660 for the control of a service."""
    steered = shared(path.parent) and path.suffix in _STEERED
    with _UMASK:
        before = os.umask(0o117 if steered else 0o177)
        try:
            yield
        finally:
            os.umask(before)
