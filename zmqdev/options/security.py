"""Security options of a side: NULL, PLAIN, CURVE.

A side that binds is the server of the handshake and checks its clients; one that
connects is a client and presents its credentials. Each side has separate settings, so a
bridge may be open on one side and closed on the other.
"""

from __future__ import annotations

from dataclasses import dataclass

from zmqdev.options.network import Network
from zmqdev.options.option import option
from zmqdev.options.places import AGAIN, FileName
from zmqdev.options.types import Choice, Flag, Many, Text

MECHANISMS = ("null", "plain", "curve")
# A value that begins with it names a file that contains the value.
AT_FILE = "@"
_GROUP = "Security"


@dataclass(frozen=True)
class Security:
    """The security options of one side or endpoint. Secrets are never printed."""

    security: str | None = option(
        Choice(choices=MECHANISMS),
        help="Security mechanism. Default: the one that the other options here imply, else null.",
        group=_GROUP,
    )
    curve_key: str | None = option(
        FileName(),
        help="CURVE: own secret certificate, as `zmqdev keygen` writes it.",
        group=_GROUP,
    )
    curve_secret: str | None = option(
        FileName(metavar="@FILE", mark=AT_FILE),
        help="CURVE: own secret key alone, 40 characters of Z85; by flag only as @FILE.",
        secret=True,
        group=_GROUP,
    )
    server_key: str | None = option(
        FileName(metavar="KEY|FILE", or_value=True),
        help="CURVE, connecting: the server's public key, or its certificate.",
        group=_GROUP,
    )
    authorized_keys: str | None = option(
        FileName(metavar="DIR", change=AGAIN),
        help="CURVE, binding: directory with the certificates of the allowed clients.",
        group=_GROUP,
    )
    curve_allow_any: bool = option(
        Flag(), default=False, help="CURVE, binding: accept any client key.", group=_GROUP
    )
    plain_users: str | None = option(
        FileName(change=AGAIN),
        help="PLAIN, binding: file of users and hashed passwords.",
        group=_GROUP,
    )
    plain_username: str | None = option(
        Text(metavar="NAME"), help="PLAIN, connecting: own user name.", group=_GROUP
    )
    plain_password: str | None = option(
        FileName(metavar="@FILE", mark=AT_FILE),
        help="PLAIN, connecting: own password; by flag only as @FILE.",
        secret=True,
        group=_GROUP,
    )
    allow: tuple[str, ...] = option(
        Many(Network()),
        default=(),
        help="Binding: accept peers of this network only; repeatable.",
        group=_GROUP,
    )
    deny: tuple[str, ...] = option(
        Many(Network()),
        default=(),
        help="Binding: refuse peers of this network, even an allowed one; repeatable.",
        group=_GROUP,
    )

    @property
    def binds(self) -> bool:
        """Whether it has an address to bind, and so is the server of a handshake."""
        return False

    @property
    def connects(self) -> bool:
        """Whether it has an address to connect to."""
        return False

    @property
    def largest_frame(self) -> int:
        """Return the largest frame in bytes, also of the handshake; -1: no limit."""
        return -1
