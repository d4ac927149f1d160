"""The file system type of a path, from /proc/self/mountinfo (see proc(5))."""

from __future__ import annotations

import os

_NETWORK = frozenset(
    {"9p", "afs", "ceph", "cifs", "coda", "gfs2", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs"}
    | {"nfs4", "ocfs2", "smb3", "smbfs", "fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.rclone"}
)
_VOLATILE = frozenset({"tmpfs", "ramfs"})


def is_network(kind: str) -> bool:
    """Whether a file system is on a network, where other machines may write too."""
    return kind in _NETWORK


def is_volatile(kind: str) -> bool:
    """Whether a file system is in memory, and lost without power."""
    return kind in _VOLATILE


def file_system_of(path: str) -> str:
    """Return the type, like ext4 or nfs; "" where it is unknown. The file need not exist."""
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as table:
            return kind_of(os.path.realpath(path), table.read())
    except OSError:
        return ""


def kind_of(path: str, mountinfo: str) -> str:
    """Return the type from the text of the table; the last of the longest mount points counts."""
    found, longest = "", -1
    for line in mountinfo.splitlines():
        mounted, _, about = line.partition(" - ")
        fields = mounted.split()
        if len(fields) < 5 or not about:
            continue
        point = _plain(fields[4])
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= longest:
            found, longest = about.split()[0], len(point)
    return found


def _plain(text: str) -> str:
    r"""Decode octal escapes, such as \040 for a blank."""
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text
