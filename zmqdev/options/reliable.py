"""The settings of the reliable queue: `zmqdev queue --reliable`, YAML `reliable:`."""

from __future__ import annotations

from dataclasses import dataclass

from zmqdev.errors import UsageError
from zmqdev.options.measures import Duration, Size
from zmqdev.options.option import option
from zmqdev.options.places import Address, StoreName
from zmqdev.options.types import Choice, Flag, Integer, Text

GROUP = "Reliable queue"
MEBIBYTE = 1 << 20

# Missed heartbeats after which a peer counts as gone (RFC 6 and 7: "usually 3-5").
LIVENESS = 3
# majortomo's limit for a busy worker, the only broker known to have one.
BUSY_TIMEOUT = 900.0
# Only this time-out shows that a plain worker is dead.
PLAIN_TIMEOUT = 5.0
DEFAULT_SERVICE = "default"
LONGEST_SERVICE = 255  # bytes; a limit of zmqdev


@dataclass(frozen=True)
class Reliable:
    """Options of a reliable queue. Durations are in seconds, sizes in bytes."""

    enabled: bool = option(
        Flag(),
        default=False,
        flag="--reliable",
        help="Keep each request until a worker has answered it; workers speak Majordomo or "
        "Paranoid Pirate.",
        group=GROUP,
    )
    workers: str = option(
        Choice(choices=("auto", "plain")),
        default="auto",
        flag="--workers",
        help="auto: the first message of a worker shows its protocol. plain: ordinary REP and "
        "DEALER workers.",
        group=GROUP,
    )
    service: str = option(
        Text(metavar="NAME"),
        default=DEFAULT_SERVICE,
        flag="--service",
        help="Service of the clients and workers that name none.",
        group=GROUP,
    )
    concurrency: int = option(
        Integer(1, 100_000),
        default=1,
        flag="--concurrency",
        help="Requests at a time for each plain worker; the protocols allow one.",
        group=GROUP,
    )
    heartbeat: float = option(
        Duration(),
        default=0.0,
        flag="--heartbeat",
        help="Time between heartbeats; a worker that misses three is given up. 0: the default of "
        "the protocol, 2.5s Majordomo, 1s Paranoid Pirate.",
        group=GROUP,
    )
    silent_while_busy: bool = option(
        Flag(),
        default=False,
        flag="--silent-while-busy",
        help="A worker may be silent while it works, as a single-threaded one is (the Guide's, "
        "majortomo's); then only its connection and --busy-timeout show that it is gone.",
        group=GROUP,
    )
    busy_timeout: float = option(
        Duration(),
        default=0.0,
        flag="--busy-timeout",
        help="Time a worker has for one request before it goes to another. 0: 15m, and 5s with "
        "plain workers.",
        group=GROUP,
    )
    max_attempts: int = option(
        Integer(1),
        default=5,
        flag="--max-attempts",
        help="How many workers a request is given to before it becomes a dead letter.",
        group=GROUP,
    )
    dead_letters: str | None = option(
        Address(verb="bind"),
        flag="--dead-letters",
        help="Push dead letters to pullers at this address.",
        group=GROUP,
    )
    expiry: float = option(
        Duration(positive=True),
        default=300.0,
        flag="--expiry",
        help="Time a request may wait for a worker.",
        group=GROUP,
    )
    unknown_expiry: float = option(
        Duration(positive=True),
        default=30.0,
        flag="--unknown-expiry",
        help="The same for a service that has had no worker yet.",
        group=GROUP,
    )
    max_requests: int = option(
        Integer(1),
        default=200_000,
        flag="--max-requests",
        help="Maximum requests held for all clients.",
        group=GROUP,
    )
    max_bytes: int = option(
        Size(),
        default=256 * MEBIBYTE,
        flag="--max-bytes",
        help="Maximum bytes held for all clients: requests, partial replies and unread replies; "
        "plus 64 for each frame and 512 for each message.",
        group=GROUP,
    )
    client_requests: int = option(
        Integer(1),
        # Half of all, so that one client leaves room for others; the Guide's mdclient2
        # sends this many before it reads its first reply.
        default=100_000,
        flag="--client-requests",
        help="Maximum requests held for one client.",
        group=GROUP,
    )
    client_bytes: int = option(
        Size(),
        default=128 * MEBIBYTE,
        flag="--client-bytes",
        help="Maximum bytes held for one client.",
        group=GROUP,
    )
    store: str | None = option(
        StoreName(),
        flag="--store",
        help="Keep requests in this file, so that they survive a crash and a power failure; or in "
        "postgresql://USER@HOST/DATABASE, which several queues can share.",
        group=GROUP,
    )
    lease: float = option(
        Duration(positive=True),
        default=5.0,
        flag="--lease",
        help="With a database as store: when this queue has been silent for this long, another "
        "one takes over its requests.",
        group=GROUP,
    )
    commit_within: float = option(
        Duration(),
        default=0.002,
        flag="--commit-within",
        help="Collect this long what is written to the store, or until as many wait for it as last "
        "time; a request that is answered sooner is not written.",
        group=GROUP,
    )
    store_size: int = option(
        Size(),
        default=1024 * MEBIBYTE,
        flag="--store-size",
        help="Maximum size of the store; posts are refused when it is full.",
        group=GROUP,
    )
    keep_replies: float = option(
        Duration(),
        default=3600.0,
        flag="--keep-replies",
        help="How long the replies to posted requests are kept for clients that collect them by "
        "id.",
        group=GROUP,
    )
    stream_partials: bool = option(
        Flag(),
        default=False,
        flag="--stream-partials",
        help="Pass partial replies (Majordomo 0.2) on at once. A request whose worker dies after "
        "one then becomes a dead letter, since another worker could answer it a second time.",
        group=GROUP,
    )

    @property
    def attempt_timeout(self) -> float:
        """Return `busy_timeout` with its default filled in."""
        if self.busy_timeout:
            return self.busy_timeout
        return PLAIN_TIMEOUT if self.workers == "plain" else BUSY_TIMEOUT


def check_service(name: str, place: str) -> None:
    """Raise UsageError when it cannot be the name of a service (RFC 7: printable)."""
    if not name.isprintable():
        raise UsageError("a name is printable text", place)
    if not name or len(name.encode()) > LONGEST_SERVICE:
        raise UsageError(f"a name has 1 to {LONGEST_SERVICE} bytes", place)
    if name.startswith("mmi."):
        raise UsageError("names that begin with 'mmi.' are reserved for the queue", place)
