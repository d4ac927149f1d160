"""The limits of a device on its peers."""

from __future__ import annotations

from dataclasses import dataclass

from zmqdev.options import sockopt
from zmqdev.options.common import Crowd
from zmqdev.options.measures import Size
from zmqdev.options.option import option
from zmqdev.options.types import Integer

# XSUB's topic trie is recursive: a longer topic can overflow its stack (libzmq issue
# 4671).
TOPIC_LIMIT = 4096
# libzmq's XSUB keeps a topic in a tree of one node a byte and walks it by recursion: one of
# 200,000 bytes overflows the stack (libzmq 4671).
LONGEST_TOPIC = 64 * 1024


@dataclass(frozen=True)
class Limits(Crowd):
    """What a peer may use of a device. Exceeding a limit affects that peer and is counted."""

    topic_length: int = option(
        Size(least=1, most=LONGEST_TOPIC),
        default=TOPIC_LIMIT,
        help="Maximum length of a subscription, in bytes.",
        group="Limits",
    )
    message_frames: int = option(
        Integer(0),
        default=10_000,
        help="Maximum frames of one message; 0: unlimited.",
        group="Limits",
    )
    message_bytes: int = option(
        Size(),
        default=1024 * sockopt.MEBIBYTE,
        help="Maximum size of a message, all frames together; 0: unlimited.",
        group="Limits",
    )
    subscriptions: int = option(
        Integer(0),
        default=100_000,
        help="Maximum different subscriptions at a forwarder; 0: unlimited.",
        group="Limits",
    )
    subscriptions_per_peer: int = option(
        Integer(0),
        default=10_000,
        help="Maximum different subscriptions of one subscriber; 0: unlimited.",
        group="Limits",
    )
    subscription_bytes: int = option(
        Size(),
        default=4 * sockopt.MEBIBYTE,
        help="Maximum bytes of all different subscriptions together; 0: unlimited.",
        group="Limits",
    )
    subscription_bytes_per_peer: int = option(
        Size(),
        default=sockopt.MEBIBYTE // 2,
        help="Maximum bytes of the subscriptions of one subscriber; 0: unlimited.",
        group="Limits",
    )
    subscription_changes_per_peer: int = option(
        Integer(0),
        default=50_000,
        help="Maximum subscriptions and unsubscriptions of one subscriber in ten seconds, plus "
        "three for each topic it holds; 0: unlimited.",
        group="Limits",
    )
    memory: int = option(
        Size(),
        default=0,
        help="Memory of the process above which the longest unfinished messages are cut off; 0: "
        "80 % of the available memory.",
        group="Limits",
    )
