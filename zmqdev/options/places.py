"""Types of options that name a place: addresses, files, stores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from zmqdev.options import address, store_url
from zmqdev.options.types import Plain, Scalar, Text, expected


@dataclass(frozen=True)
class StoreName(Text):
    """A file, or a database by its URL.

    A password in the URL is not written back, since it would end up in files and logs.
    """

    metavar: str = "FILE|URL"
    any_bytes: bool = True

    def plain(self, value: str) -> Plain:
        return store_url.without_password(value)


# What a change of a file requires: the part reads it again, or restarts, or nothing,
# because the file holds messages and not settings.
AGAIN, ANEW, NOTHING = "again", "anew", "nothing"


@dataclass(frozen=True)
class FileName(Text):
    """A file, or a directory of files, that is read.

    `mark`: only a value that begins with it is a file; others are the value itself.
    `or_value`: the value is a file if one of that name exists, else the value itself.
    """

    metavar: str = "FILE"
    any_bytes: bool = True
    change: str = ANEW
    mark: str = ""
    or_value: bool = False

    def path(self, value: str) -> str | None:
        """Return the file that a value means; None when it is not a file."""
        if not value.startswith(self.mark):
            return None
        return value.removeprefix(self.mark)


@dataclass(frozen=True)
class Address(Scalar):
    """A ZeroMQ address to `bind` or to `connect`, checked before libzmq sees it."""

    verb: str = "connect"
    metavar: str = "ADDRESS"

    def parse(self, raw: object, *, text: bool) -> str:
        if isinstance(raw, int) and not isinstance(raw, bool):
            raw = str(raw)  # a port alone
        if not isinstance(raw, str):
            raise expected("an address like tcp://127.0.0.1:5555", raw)
        return address.check(raw, self.verb)

    def schema(self) -> dict[str, Any]:
        short = r"@|([^:/]*|\[.*\]):?(\d+|\*)$"
        return {
            "type": ["string", "integer"],
            "pattern": rf"^((tcp|ipc|inproc|tipc)://|{short})",
        }


@dataclass(frozen=True)
class AddressOrOff(Address):
    """An address to bind, or `off`."""

    verb: str = "bind"
    metavar: str = "ADDRESS|off"

    def parse(self, raw: object, *, text: bool) -> str:
        # YAML 1.1 reads a bare `off` as false.
        return "off" if raw is False or raw == "off" else super().parse(raw, text=text)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [super().schema(), {"enum": ["off", False]}]}


@dataclass(frozen=True)
class HostPort(Scalar):
    """Where something other than ZeroMQ listens: `127.0.0.1:9090`, `[::1]:9090`, `*:9090`."""

    metavar: str = "HOST:PORT"

    def parse(self, raw: object, *, text: bool) -> str:
        if isinstance(raw, int) and not isinstance(raw, bool):
            raw = str(raw)
        if not isinstance(raw, str):
            raise expected("a host and port like 127.0.0.1:9090", raw)
        if raw.isdigit() or raw.startswith(":"):
            raw = address.in_full(raw).removeprefix("tcp://")
        address.split(f"tcp://{raw}", "bind")
        return raw

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": r"^(.*:)?(\d+|\*)$"}
