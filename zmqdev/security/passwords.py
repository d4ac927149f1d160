"""The users file of PLAIN: one `name:$scrypt$ln=14,r=8,p=1$salt$hash` a line.

The hash is the PHC string that passlib and others write, so their tools can make lines
too. A password is hashed once: an accepted one is remembered under a key of this
process, so that a hundred reconnecting peers do not cost a hundred hashes. An unknown
name costs a hash as well.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import os
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from zmqdev.errors import UsageError
from zmqdev.security.keyfile import read_whole, refuse_shared

LONGEST_FILE = 4 * 1024 * 1024
# PLAIN carries names and passwords with a one-byte length.
LONGEST_WORD = 255
# 2^14 rounds of 8 blocks: 16 MiB and about 40 ms, the least that OWASP recommends.
DEFAULT_LN, DEFAULT_R, DEFAULT_P = 14, 8, 1
# More would let one peer use up the memory of the machine.
MOST_MEMORY = 128 * 1024 * 1024
HASH_BYTES = 32

_PHC = re.compile(
    r"\$scrypt\$ln=(\d{1,2}),r=(\d{1,3}),p=(\d{1,3})\$([A-Za-z0-9+/.]+)\$([A-Za-z0-9+/.]+)"
)


@dataclass(frozen=True)
class Hashed:
    """One hashed password; N of scrypt is 2 ** ln."""

    ln: int
    r: int
    p: int
    salt: bytes = field(repr=False)
    digest: bytes = field(repr=False)

    def matches(self, password: bytes) -> bool:
        """Whether this is the password, in constant time."""
        return hmac.compare_digest(self.digest, _scrypt(password, self, len(self.digest)))


@dataclass(frozen=True)
class Users:
    """The users that PLAIN admits: {name: hashed password}."""

    entries: Mapping[str, Hashed] = field(default_factory=dict)
    _accepted: dict[str, bytes] = field(default_factory=dict, repr=False, compare=False)
    _key: bytes = field(default_factory=lambda: os.urandom(32), repr=False, compare=False)

    def remembers(self, name: str, password: bytes) -> bool:
        """Whether exactly this password was accepted before; cheap."""
        known = self._accepted.get(name, b"")
        return hmac.compare_digest(known, self._mark(name, password))

    def verify(self, name: str, password: bytes) -> bool:
        """Whether `name` has this password; costs a full hash, for an unknown name too."""
        hashed = self.entries.get(name)
        if hashed is None:
            _nobody().matches(password)
            return False
        if not hashed.matches(password):
            return False
        self._accepted[name] = self._mark(name, password)
        return True

    def _mark(self, name: str, password: bytes) -> bytes:
        text = name.encode("utf-8", "surrogateescape")
        return hmac.digest(self._key, text + b"\0" + password, "sha256")


def _scrypt(password: bytes, hashed: Hashed, length: int) -> bytes:
    return hashlib.scrypt(
        password,
        salt=hashed.salt,
        n=1 << hashed.ln,
        r=hashed.r,
        p=hashed.p,
        dklen=length,
        maxmem=MOST_MEMORY + (1 << 20),
    )


@cache
def _nobody() -> Hashed:
    """Return the hash that unknown names are compared with; no password has an all-zero hash."""
    return Hashed(DEFAULT_LN, DEFAULT_R, DEFAULT_P, b"\0" * 16, b"\0" * HASH_BYTES)


def make_line(name: str, password: bytes, *, ln: int = DEFAULT_LN) -> str:
    """Return a line for the users file; raises ValueError for what PLAIN cannot carry."""
    if not name or ":" in name or name != name.strip() or not name.isprintable():
        raise ValueError("a user name has no colon, no control character and no space around it")
    if name.startswith("#"):
        raise ValueError("a user name does not begin with '#', which begins a comment")
    if len(name.encode()) > LONGEST_WORD or len(password) > LONGEST_WORD:
        raise ValueError(f"PLAIN carries at most {LONGEST_WORD} bytes of name and of password")
    if not password:
        raise ValueError("the password is empty")
    blank = Hashed(ln, DEFAULT_R, DEFAULT_P, os.urandom(16), b"")
    digest = _scrypt(password, blank, HASH_BYTES)
    return f"{name}:$scrypt$ln={ln},r={blank.r},p={blank.p}${_b64(blank.salt)}${_b64(digest)}"


def parse(data: bytes, place: str) -> Users:
    """Parse a users file; raises UsageError with `place:line`, never with a hash."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        at = data.count(b"\n", 0, error.start) + 1
        raise UsageError("bytes that are not UTF-8", f"{place}:{at}") from None
    entries: dict[str, Hashed] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip() and not line.startswith("#"):
            name, hashed = _entry(line.rstrip("\r"), f"{place}:{number}")
            if name in entries:
                raise UsageError(f"duplicate user {name!r}", f"{place}:{number}")
            entries[name] = hashed
    return Users(entries)


def _entry(line: str, place: str) -> tuple[str, Hashed]:
    name, colon, rest = line.partition(":")
    if not colon or not name or name != name.strip():
        raise UsageError("expected 'name:$scrypt$...'; `zmqdev keygen --user NAME` makes it", place)
    found = _PHC.fullmatch(rest.strip())
    if found is None:
        raise UsageError(
            f"user {name!r}: not a scrypt hash; a password in clear is never read", place
        )
    ln, r, p = (int(found[number]) for number in (1, 2, 3))
    if not (ln >= 1 and r and p) or 128 * r * (1 << ln) > MOST_MEMORY or p > 16:
        raise UsageError(f"user {name!r}: ln={ln},r={r},p={p} is out of range", place)
    try:
        return name, Hashed(ln, r, p, _unb64(found[4], 4), _unb64(found[5], 16))
    except (binascii.Error, ValueError):
        raise UsageError(f"user {name!r}: salt or hash is not base64", place) from None


def load(path: Path) -> Users:
    """Read a users file, which must be private to its owner; raises UsageError."""
    data = read_whole(path, LONGEST_FILE)
    refuse_shared(path)
    return parse(data, str(path))


def _b64(data: bytes) -> str:
    return b64encode(data).decode().rstrip("=")


def _unb64(text: str, least: int) -> bytes:
    """Decode unpadded base64 of at least `least` bytes; passlib writes `.` for `+`."""
    data = b64decode(text.replace(".", "+") + "=" * (-len(text) % 4), validate=True)
    if len(data) < least:
        raise ValueError("too short")
    return data
