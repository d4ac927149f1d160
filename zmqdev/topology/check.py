"""The check of a file before it runs; the rules are declared in tables, see RULES."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping

from zmqdev.errors import UsageError
from zmqdev.options.part import Part
from zmqdev.options.suggest import near
from zmqdev.topology import (
    rules_links,
    rules_machine,
    rules_parts,
    rules_reading,
    rules_routes,
    rules_stores,
)
from zmqdev.topology.finding import ERROR, WARNING, Finding, Rule
from zmqdev.topology.links import Plan, plan
from zmqdev.topology.read import Topology, survey


def _unknown_rule(plan: Plan) -> Iterator[tuple[Part, str, str]]:
    for part in plan.topology.parts:
        for word in part.life.ignore:
            if word not in RULES:
                yield (
                    part,
                    part.at("ignore"),
                    f"{part.name}: no rule named {word!r}{near(word, RULES)}",
                )


_UNKNOWN = Rule(
    "unknown-rule",
    WARNING,
    "`ignore` names an unknown rule.",
    "correct the name, or take it out",
    _unknown_rule,
)
_LOOKS = (
    *rules_links.RULES,
    *rules_parts.RULES,
    *rules_routes.RULES,
    *rules_stores.RULES,
    _UNKNOWN,
    *rules_machine.RULES,
)
RULES: dict[str, Rule] = {
    rule.name: rule for rule in (*rules_reading.RULES, *_LOOKS, *rules_machine.LIVE_RULES)
}


def check_file(
    path: str, environ: Mapping[str, str] = os.environ, *, live: bool = False
) -> list[Finding]:
    """Return the findings of a file, ordered by place."""
    try:
        topology = survey(path, environ)
    except UsageError as error:
        return [rules_reading.finding(error, path)]
    return check(topology, live=live)


def check(topology: Topology, *, live: bool = False) -> list[Finding]:
    """Return the findings of a topology.

    Parts that could be read are checked even if others are wrong. Links are not,
    because a wrong part may be the other end.
    """
    found = [rules_reading.finding(error, topology.files[0]) for error in topology.problems]
    made = plan(topology)
    for rule in (*_LOOKS, *(rules_machine.LIVE_RULES if live else ())):
        if not topology.problems or rule not in rules_links.RULES:
            found += rule.find(made)
    kept = dict.fromkeys(found)  # replicas have the same findings at the same places
    return sorted(kept, key=lambda one: (*one.position, one.rule))


def failed(findings: Iterable[Finding], *, strict: bool) -> bool:
    """Whether a check ends with an error."""
    return any(one.severity == ERROR or strict for one in findings)
