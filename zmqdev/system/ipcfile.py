"""The file of an `ipc://` address, protected.

libzmq's bind deletes a regular file at that path and steals a live socket, and the mode
of its socket is 0777 less the umask. So the path is checked before the bind, and the
bind runs under a narrow umask. A service's control socket is open to its group too.
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

# Suffixes of control sockets and taps.
_STEERED = (".sock", ".tap")
# The umask belongs to the whole process, so only one bind at a time may change it.
_UMASK = threading.Lock()


def path_of(address: str) -> Path | None:
    """Return the file of an ipc address; None for other transports and the abstract namespace."""
    transport, _, path = address.partition("://")
    if transport != "ipc" or path.startswith("@") or path == "*":
        return None
    return Path(path)


def check_free(address: str) -> None:
    """Raise RunError when a bind would delete or steal something, or cannot work."""
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
    """Whether a program listens at the socket; one left by a crash refuses connections.

    A datagram socket cannot connect to a listening socket. The kind of the refusal
    shows that a program listens, and that program notices nothing.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as knock:
        try:
            knock.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except PermissionError:
            return _is_listed(path)  # another user's socket
        except OSError:
            return True  # the type differs, so it is in use
    return True


def _is_listed(path: Path) -> bool:
    """Whether the system lists a socket of that name that may be this one.

    It serves for sockets that this user may not access; True where there is no list. A path in
    another directory may lead to the same file, as in a container, unless it leads to another
    file here.
    """
    try:
        listed = Path("/proc/net/unix").read_bytes()
    except OSError:
        return True
    name = os.fsencode(path.name)
    lines = [line for line in listed.splitlines() if line.endswith((b"/" + name, b" " + name))]
    return any(not _is_another(os.fsdecode(line.split(b" ")[-1]), path) for line in lines)


def _is_another(listed: str, path: Path) -> bool:
    """Whether the listed path is absolute and leads to another file than `path`."""
    try:
        return os.path.isabs(listed) and not os.path.samestat(os.lstat(listed), path.lstat())
    except OSError:
        return False


def remove_left(address: str) -> None:
    """Remove the file of a program that was killed, after `check_free`.

    Raises RunError when that is not permitted, since libzmq would report it as in use.
    """
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
    """The file that a bind made, identified by its inode: a later file may be another program's."""

    path: Path
    device: int
    inode: int

    @classmethod
    def at(cls, path: Path) -> OwnFile:
        """Return the file at a path."""
        found = path.lstat()
        return cls(path, found.st_dev, found.st_ino)

    def remove(self) -> None:
        """Remove the file, which libzmq leaves behind at close."""
        with suppress(FileNotFoundError):
            if OwnFile.at(self.path) == self:
                self.path.unlink()


@contextmanager
def private(path: Path) -> Iterator[None]:
    """Give new files of the process the mode of a socket at `path` while the context lasts.

    It is 0600, or 0660 for the control socket of a service.
    """
    steered = shared(path.parent) and path.suffix in _STEERED
    with _UMASK:
        before = os.umask(0o117 if steered else 0o177)
        try:
            yield
        finally:
            os.umask(before)
