"""The tables of the README and of the help topics, made from the declarations.

Between `<!-- begin NAME -->` and `<!-- end NAME -->` in a page stands what
`TABLES[NAME]` gives. `make readme` writes them; a test compares.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import click
from support import reference_running
from support.manual import PAGES
from support.markdown import table

from zmqdev.cli.options import show_default
from zmqdev.cli.program import ROWS
from zmqdev.cli.topics import TOPICS
from zmqdev.options import sockopt
from zmqdev.options.device import DeviceSpec
from zmqdev.options.endpoint import ENDPOINTS
from zmqdev.options.fleet import FleetSpec
from zmqdev.options.kind import KINDS
from zmqdev.options.option import Leaf, leaves
from zmqdev.options.part_options import LifeOptions
from zmqdev.options.queue import QueueSpec
from zmqdev.options.types import Choice
from zmqdev.stats import columns
from zmqdev.supervisor.verbs import VERBS as FLEET_VERBS
from zmqdev.topology.check import RULES

_BLOCK = re.compile(r"(<!-- begin (\S+) -->\n).*?(<!-- end \2 -->)", re.DOTALL)


def flag(leaf: Leaf) -> str:
    """`-n` `--count N`, or "" for what only a file can say."""
    if not leaf.flag:
        return ""
    kind = leaf.option.type
    value = kind.metavar or ("|".join(kind.choices) if isinstance(kind, Choice) else "")
    short = f"`-{leaf.option.short}` " if leaf.option.short else ""
    return f"{short}`{f'{leaf.flag} {value}'.strip()}`"


def option_rows(found: Iterable[Leaf]) -> str:
    rows = [(flag(leaf), f"`{leaf.key}`", show_default(leaf), leaf.option.help) for leaf in found]
    return table(("flag", "key in a file", "default", "what it does"), rows)


def declared(spec: type, without: Iterable[Leaf] = ()) -> list[Leaf]:
    known = {leaf.path for leaf in without}
    return [leaf for leaf in leaves(spec) if leaf.path not in known]


def common_endpoint() -> list[Leaf]:
    """Options that all endpoints have alike."""
    first, *rest = (
        {(leaf.path, leaf.option.help): leaf for leaf in leaves(kind.spec)}
        for kind in ENDPOINTS.values()
    )
    return [leaf for key, leaf in first.items() if all(key in other for other in rest)]


def endpoint(name: str) -> Callable[[], str]:
    return lambda: option_rows(declared(ENDPOINTS[name].spec, common_endpoint()))


def commands() -> str:
    return table(
        ("", "command", "what it does"),
        ((row.group, f"`zmqdev {row.name}`", row.help) for row in ROWS.values()),
    )


def tool_options() -> str:
    """Options of the commands that are neither a device nor an endpoint, as their --help has
    them."""
    rows = []
    for row in ROWS.values():
        if row.group not in ("Devices", "Endpoints"):
            command = row.load()
            context = click.Context(command, info_name=row.name)
            options = [one for one in command.params if isinstance(one, click.Option)]
            records = [option.get_help_record(context) for option in options]
            rows += [(f"`{row.name}`", f"`{one[0]}`", one[1]) for one in records if one]
    return table(("command", "flag", "what it does"), rows)


def topics() -> str:
    return table(
        ("", "topic", "what it is about"),
        ((topic.reader, f"`zmqdev help {topic.name}`", topic.help) for topic in TOPICS.values()),
    )


def kinds() -> str:
    return table(
        ("device", "frontend", "backend", "high-water mark"),
        (
            (
                f"`{kind.name}`",
                f"{kind.frontend.type} {kind.frontend.verb}s {kind.frontend.address}",
                f"{kind.backend.type} {kind.backend.verb}s {kind.backend.address}",
                f"{kind.hwm:,}",
            )
            for kind in KINDS.values()
        ),
    )


def endpoint_kinds() -> str:
    return table(
        ("command", "socket types", "without flags", "what it does"),
        (
            (f"`{kind.name}`", ", ".join(kind.types), f"{kind.verb}s {kind.address}", kind.help)
            for kind in ENDPOINTS.values()
        ),
    )


def socket_options() -> str:
    base = sockopt.defaults("DEALER", hwm=1000, linger_ms=5000, connects=2)
    special = {
        "sndhwm": "of the device",
        "rcvhwm": "of the device",
        "linger": "the drain time",
        "immediate": "true for senders that connect to several addresses",
        "router_mandatory": "true",
        "router_handover": "true for a ROUTER backend",
        "xpub_nodrop": "true with `on-full: block`",
    }
    rows = []
    for name, row in sockopt.SOCKET_OPTIONS.items():
        value = base.get(name)
        shown = special.get(name, "" if value is None else str(row.type.plain(value)))
        types = f" ({', '.join(sorted(row.types))})" if row.types else ""
        rows.append((f"`{name}`", shown, row.help + types))
    return table(("option", "zmqdev's default", "what it does"), rows)


def statistics() -> str:
    return table(
        ("key", "unit", "what it is", "in"),
        (
            (f"`{key}`", unit, help, "text, JSON" if text else "JSON")
            for key, unit, help, text in columns.reference()
        ),
    )


def rules() -> str:
    rows = ((f"`{r.name}`", r.severity, r.help, r.fix) for r in RULES.values())
    return table(("rule", "", "what it finds", "fix"), rows)


def fleet_verbs() -> str:
    rows = ((f"`{verb.usage}`", verb.help) for verb in FLEET_VERBS.values())
    return table(("verb", "what it does"), rows)


TABLES: dict[str, Callable[[], str]] = {
    "rules": rules,
    "part-options": lambda: option_rows(leaves(LifeOptions)),
    "run-options": lambda: option_rows(leaves(FleetSpec)),
    "fleet-verbs": fleet_verbs,
    "commands": commands,
    "topics": topics,
    "tool-options": tool_options,
    "kinds": kinds,
    "endpoint-kinds": endpoint_kinds,
    "device-options": lambda: option_rows(leaves(DeviceSpec)),
    "queue-options": lambda: option_rows(declared(QueueSpec, leaves(DeviceSpec))),
    "endpoint-options": lambda: option_rows(common_endpoint()),
    # Kinds that are asked the same share a table, named for the first.
    **{
        f"{names[0]}-options": endpoint(names[0])
        for names in (
            [name for name, one in ENDPOINTS.items() if one.spec is spec]
            for spec in dict.fromkeys(kind.spec for kind in ENDPOINTS.values())
        )
    },
    "socket-options": socket_options,
    "statistics": statistics,
    **reference_running.TABLES,
}


def filled(text: str) -> str:
    """A page with every table made anew. KeyError names an unknown one."""
    return _BLOCK.sub(lambda m: f"{m[1]}{TABLES[m[2]]()}{m[3]}", text)


if __name__ == "__main__":
    for page in PAGES.values():
        page.write_text(filled(page.read_text()))
