"""A compose file: a service for each part, settings as configs, keys as secrets.

Replicas that bind nothing are replicas of one service; see `together`.
"""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from typing import Any

from zmqdev.tools.export.export import (
    Export,
    Options,
    Unit,
    as_yaml,
    bound_narrowly,
    health_port,
    label,
    stranded,
    together,
    units,
    unpacked,
    with_health,
)
from zmqdev.topology.links import Plan

GRACE = 5
KEYS = "/run/secrets"
_RESTARTS = {"always": "always", "on-failure": "on-failure", "no": "no"}
_PROBE = "import urllib.request as u; u.urlopen('http://127.0.0.1:{}/readyz', timeout=2)"


def export(plan: Plan, options: Options) -> Export:
    made = Export()
    found = [_with_probe(u) for u in together(units(plan, apart=True, keys_at=_keys_at))]
    ready = {unit.called: health_port(unit.part) is not None for unit in found}
    tree: dict[str, Any] = {
        "name": label(plan.topology.name),
        "services": {unit.name: _service(unit, options, ready) for unit in found},
        "configs": {unit.name: {"content": _escaped(unit.file)} for unit in found},
    }
    secrets = {
        f"{unit.name}-{name.replace('/', '-')}": {"file": path}
        for unit in found
        for name, path in unit.keys.items()
    }
    if secrets:
        tree["secrets"] = secrets
    made.files["compose.yaml"] = as_yaml([tree])
    made.notes += [*stranded(plan), *bound_narrowly(plan), *unpacked(plan)]
    return made


def _keys_at(part: object) -> str:
    return KEYS


def _with_probe(unit: Unit) -> Unit:
    return replace(unit, settings=with_health(unit))


def _escaped(text: str) -> str:
    """Compose fills in $NAME itself; a dollar is written twice."""
    return text.replace("$", "$$")


def _service(unit: Unit, options: Options, ready: dict[str, bool]) -> dict[str, Any]:
    part = unit.part
    made: dict[str, Any] = {
        "image": options.image,
        "command": [*unit.command, "/etc/zmqdev.yaml"],
        "configs": [{"source": unit.name, "target": "/etc/zmqdev.yaml", "mode": 0o440}],
        "restart": _RESTARTS[part.spec.restart.policy],
        "stop_grace_period": f"{ceil(part.spec.drain) + GRACE}s",
        "init": True,
        "read_only": True,
        "tmpfs": ["/tmp"],
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "ulimits": {"nofile": 65536},
    }
    if unit.replicas > 1:
        made["deploy"] = {"replicas": unit.replicas}
    if unit.keys:
        made["secrets"] = [
            {
                "source": f"{unit.name}-{name.replace('/', '-')}",
                "target": f"{KEYS}/{name}",
                "mode": 0o400,
            }
            for name in unit.keys
        ]
    if unit.outside:
        made["ports"] = [f"{port}:{port}" for port in unit.outside]
    if unit.needs:
        made["depends_on"] = {
            label(name): {"condition": "service_healthy" if ready[name] else "service_started"}
            for name in unit.needs
        }
    port = health_port(part)
    if port is not None:
        made["healthcheck"] = {
            "test": ["CMD", "python3", "-c", _PROBE.format(port)],
            "interval": "10s",
            "timeout": "3s",
            "retries": 3,
            "start_period": "5s",
        }
    return made
