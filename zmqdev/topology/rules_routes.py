"""Rules about the routes of a device."""

from __future__ import annotations

from collections.abc import Iterator

from zmqdev.options.part import Part
from zmqdev.options.route import RouteSpec
from zmqdev.options.route_trial import try_all
from zmqdev.options.routes import REST, Rules
from zmqdev.options.routes_table import is_routed, rules_of, table_of
from zmqdev.routing.dry import DryRun
from zmqdev.routing.limits import WHOLE
from zmqdev.routing.table import Route, Table
from zmqdev.topology.finding import ERROR, WARNING, Rule
from zmqdev.topology.links import Plan

Found = Iterator[tuple[Part, str, str]]


def _routed(plan: Plan) -> Iterator[tuple[Part, Rules, Table]]:
    for part in plan.topology.parts:
        device = part.device
        if device is not None and is_routed(device):
            rules = rules_of(device, part.written)
            if rules.hook is not None:  # what a function does is unknown before it runs
                continue
            yield part, rules, table_of(device, rules)


def _place(part: Part, rules: Rules, number: int | None = None) -> str:
    """Return the place of one route, or of all."""
    inside = () if number is None else (number,)
    return rules.written.inside("routes", inside) or part.at("routes", "backends")


def _takes_all(route: Route) -> bool:
    """Whether no message passes this route."""
    counted = route.share < WHOLE or route.rate
    return not (route.conditions or counted or route.copy or route.on_full == "next")


def _no_rest(plan: Plan) -> Found:
    for part, rules, table in _routed(plan):
        if table.rest is None and not any(map(_takes_all, table.routes)):
            yield (
                part,
                _place(part, rules),
                f"{part.name}: what no route takes is dropped; there is no `{REST}`",
            )


def _one_stops_all(plan: Plan) -> Found:
    for part, rules, table in _routed(plan):
        blocking = {
            target
            for row, route in _rows(rules, table)
            if row.on_full is None and route.on_full == "block"
            for target in route.targets
        }
        if len(blocking) > 1:
            names = ", ".join(table.backends[target] for target in sorted(blocking))
            yield (
                part,
                _place(part, rules),
                f"{part.name}: one that is full of {names} stops the others too",
            )


def _never_reached(plan: Plan) -> Found:
    for part, rules, table in _routed(plan):
        rows = list(_rows(rules, table))
        for number, (_, route) in enumerate(rows[:-1]):
            if _takes_all(route):
                later = rows[number + 1][1].name
                yield (
                    part,
                    _place(part, rules, number + 1),
                    f"{part.name}: no message gets to route {later}; route {route.name} takes all",
                )
                break


def _route_test(plan: Plan) -> Found:
    for part, rules, table in _routed(plan):
        for trial in try_all(DryRun(table), rules):
            if not trial.passed:
                yield part, trial.place or part.place, f"{part.name}: {trial.words()}"


def _rows(rules: Rules, table: Table) -> Iterator[tuple[RouteSpec, Route]]:
    """Yield each route as written and as used, without those of `drop` and `keep`."""
    own = table.routes[len(table.routes) - len(rules.routes) :]
    return zip(rules.routes, own, strict=True)


RULES = (
    Rule(
        "route-test",
        ERROR,
        "A test of the routes fails: the message goes elsewhere.",
        "correct the route or the test; `zmqdev route FILE` shows which route takes a message",
        _route_test,
    ),
    Rule(
        "no-rest",
        WARNING,
        "Messages that no route takes are dropped, because there is no `backend`.",
        "add `backend`, or a last route without conditions",
        _no_rest,
    ),
    Rule(
        "one-stops-all",
        WARNING,
        "Several backends of the routes block by default when they are full.",
        "write `on-full: drop` or `next` if the others should continue, otherwise `block`",
        _one_stops_all,
    ),
    Rule(
        "never-reached",
        WARNING,
        "A route comes after one that takes everything.",
        "put it before that one, or take it out",
        _never_reached,
    ),
)
