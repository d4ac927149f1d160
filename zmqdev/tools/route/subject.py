"""The input of `zmqdev route FILE`: a file of routes, or the file of a device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from zmqdev.errors import UsageError
from zmqdev.options.device import DeviceSpec
from zmqdev.options.hook_file import hook_file
from zmqdev.options.layer import Written
from zmqdev.options.routes import REST, Rules, read_rules
from zmqdev.options.routes_table import is_routed, rules_of, table_of
from zmqdev.options.side import Backend, Frontend
from zmqdev.routing.dry import DryRun
from zmqdev.routing.table import Table
from zmqdev.tools.route.hook import DryHook
from zmqdev.topology.read import load, topology

DEVICES = frozenset({"device", "endpoint", "parts", "include", "apps"})


@dataclass(frozen=True)
class Nameless:
    """A device of which only the names of the backends are known."""

    targets: Mapping[str, Backend]
    frontend: Frontend = field(default_factory=Frontend)
    on_full: str = "block"
    drop: tuple[Any, ...] = ()
    keep: tuple[Any, ...] = ()


def subject(path: str) -> tuple[Table, Rules]:
    """Return the table and rules in a file.

    Raises UsageError when the file is wrong, or does not contain exactly one device
    with routes.
    """
    hook = hook_file(path)
    if hook is not None:
        return Table((), (REST,)), Rules((), (), {}, Written(), hook=hook)
    node = load(path)
    if node.is_map and not DEVICES & node.value.keys():
        rules = read_rules(path)
        return table_of(Nameless({REST: Backend(), **rules.backends}), rules), rules
    devices = ((part.device, part.written) for part in topology(path).parts)
    routed = [(spec, at) for spec, at in devices if spec is not None and is_routed(spec)]
    if len(routed) != 1:
        what = "several devices" if routed else "no device"
        raise UsageError(f"{what} with routes in it; name a file with one", path)
    spec, written = routed[0]
    rules = rules_of(spec, written)
    return table_of(spec, rules), _with_tests(rules, spec, written)


def dry_run(table: Table, rules: Rules) -> DryRun | DryHook:
    """Return what tries messages; the function in a separate file may name any backend."""
    if rules.hook is None:
        return DryRun(table)
    return DryHook(rules.hook, None if table.backends == (REST,) else table.backends)


def _with_tests(rules: Rules, spec: DeviceSpec, written: Written) -> Rules:
    """Return the rules with the places of tests that the device's file declares itself."""
    return rules if not spec.tests else replace(rules, written=written)
