"""Export for compose: a service for each part, settings as configs, keys as secrets.

There are two forms. As a single text, the settings are inside it: Docker Compose copies
them into each container, which needs version 2.23.1 or later and a writable container
(docker/compose issue 12031). In a directory, the settings are files that are mounted
into read-only containers; version 1.27 or later does that.

Key files are mounted with the owner and mode they have here, so a service runs as the
owner of its files. Replicas that bind no address become replicas of one service; see
`together`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from zmqdev.tools.export.database import (
    DATA,
    IMAGE,
    StoreDatabase,
    databases,
    has_database,
    notes,
    with_database,
)
from zmqdev.tools.export.export import (
    Export,
    Mode,
    Options,
    Unit,
    as_yaml,
    health,
    label,
    most_memory,
    stop_seconds,
    stranded,
    together,
    units,
    unpacked,
    with_health,
)
from zmqdev.tools.export.reach import allowed_here, narrowed, opened
from zmqdev.tools.export.store import PLACE, store_of, with_store
from zmqdev.topology.links import Plan

KEYS, CONFIG = "/run/secrets", "/etc/zmqdev.yaml"
USER = 65532  # that of configs/Containerfile
# Compose takes the password from the environment or from .env; no exported file has it.
_PASSWORD = {"PGPASSWORD": "${PGPASSWORD:?the password of the database}"}
_PROBE = "import urllib.request as u; u.urlopen('http://127.0.0.1:{}/readyz', timeout=2)"
_ONE_FILE = (
    "# For Docker Compose 2.23.1 or later, which has configs with `content`. For older ones,\n"
    "# and for read-only containers: zmqdev export FILE --to compose --output DIR\n"
)
_DIRECTORY = "# For Docker Compose 1.27 or later. Start it in this directory.\n"


def export(plan: Plan, options: Options) -> Export:
    """Return the compose file and, for a directory, the settings beside it."""
    made = Export()
    found = [_with_probe(u) for u in together(units(plan, apart=True, keys_at=_keys_at))]
    ready = {unit.called: health(unit.part) is not None for unit in found}
    stored = databases(found)
    tree: dict[str, Any] = {
        "services": {unit.name: _service(unit, options, ready) for unit in found},
    }
    tree["services"] |= {database.name: _database(database) for database, _ in stored}
    if options.directory:
        made.files |= {f"{unit.name}.yaml": unit.file for unit in found}
    else:
        tree = {"name": label(plan.topology.name), **tree}
        tree["configs"] = {unit.name: {"content": _escaped(unit.file)} for unit in found}
    stores = [f"{unit.name}-store" for unit in found if store_of(unit.part)]
    stores += [f"{database.name}-data" for database, _ in stored]
    if stores:
        tree["volumes"] = {name: {} for name in stores}
    secrets = {
        _secret(unit, name): {"file": path} for unit in found for name, path in unit.keys.items()
    }
    if secrets:
        tree["secrets"] = secrets
    head = _DIRECTORY if options.directory else _ONE_FILE
    made.files["compose.yaml"] = head + as_yaml([tree])
    made.notes += [*stranded(plan), *narrowed(plan), *opened(plan), *allowed_here(plan)]
    made.notes += [*_owners(found, options), *unpacked(plan)]
    made.notes += notes(found, "in .env, mode 0600")
    return made


def _keys_at(part: object) -> str:
    return KEYS


def _with_probe(unit: Unit) -> Unit:
    """Give a unit its health check, store and database.

    The check asks from inside the container; the file decides who may ask from outside.
    """
    device = unit.part.device
    asked = device is not None and device.metrics
    return with_database(with_store(with_health(unit, "0.0.0.0" if asked else "127.0.0.1")))


def _escaped(text: str) -> str:
    """Double each dollar sign, because compose replaces $NAME."""
    return text.replace("$", "$$")


def _secret(unit: Unit, name: str) -> str:
    return f"{unit.name}-{name.replace('/', '-')}"


def _user(unit: Unit, options: Options) -> str:
    """Return the user who owns the mounted files and so may read them."""
    if unit.keys:
        held = Path(next(iter(unit.keys.values()))).stat()
        return f"{held.st_uid}:{held.st_gid}"
    return f"{os.getuid()}:{os.getgid()}" if options.directory else f"{USER}:{USER}"


def _owners(found: list[Unit], options: Options) -> Iterator[str]:
    for unit in found:
        if _user(unit, options).startswith("0:"):
            yield f"{unit.called} runs as root, with no capabilities: its files here are root's"


def _service(unit: Unit, options: Options, ready: dict[str, bool]) -> dict[str, Any]:
    user = _user(unit, options)
    made: dict[str, Any] = {
        "image": options.image,
        "command": unit.command(CONFIG),
        "user": user,
        **_mounted(unit, user, options),
        "restart": unit.part.life.restart.policy,
        "stop_grace_period": f"{stop_seconds(unit.part)}s",
        "init": True,
        "tmpfs": ["/tmp"],
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "ulimits": {"nofile": 65536},
        "mem_limit": most_memory(unit.part),
    }
    if unit.replicas > 1:
        made["deploy"] = {"replicas": unit.replicas}
    if unit.keys:
        made["secrets"] = [
            {"source": _secret(unit, name), "target": f"{KEYS}/{name}"} for name in unit.keys
        ]
    published = list(dict.fromkeys(_published(unit)))
    if published:
        made["ports"] = published
    needs = {
        label(name): {"condition": "service_healthy" if ready[name] else "service_started"}
        for name in unit.needs
    }
    if has_database(unit.part):
        made["environment"] = dict(_PASSWORD)
        needs |= {
            database.name: {"condition": "service_healthy"} for database, _ in databases([unit])
        }
    if needs:
        made["depends_on"] = needs
    return made | _health(unit)


def _database(database: StoreDatabase) -> dict[str, Any]:
    return {
        "image": IMAGE,
        "environment": {**database.variables, "POSTGRES_PASSWORD": _PASSWORD["PGPASSWORD"]},
        "volumes": [f"{database.name}-data:{DATA}"],
        "restart": "always",
        "shm_size": "128m",
        "security_opt": ["no-new-privileges:true"],
        "healthcheck": {
            "test": ["CMD", *database.ready],
            "interval": "5s",
            "timeout": "3s",
            "retries": 10,
        },
    }


def _mounted(unit: Unit, user: str, options: Options) -> dict[str, Any]:
    kept = [f"{unit.name}-store:{PLACE}"] if store_of(unit.part) else []
    if options.directory:
        return {"volumes": [f"./{unit.name}.yaml:{CONFIG}:ro", *kept], "read_only": True}
    uid, _, gid = user.partition(":")
    config = {"source": unit.name, "target": CONFIG, "uid": uid, "gid": gid, "mode": Mode(0o400)}
    return {"configs": [config], **({"volumes": kept} if kept else {})}


def _published(unit: Unit) -> Iterator[str]:
    for bound in unit.bound:
        if bound.published is not None:
            yield bound.published
    probed = health(unit.part)
    # Replicas cannot share one port of the machine, so they publish none.
    device = unit.part.device
    if probed is not None and device is not None and device.metrics and unit.replicas == 1:
        assert probed.published is not None
        yield probed.published


def _health(unit: Unit) -> dict[str, Any]:
    probed = health(unit.part)
    if probed is None:
        return {}
    return {
        "healthcheck": {
            "test": ["CMD", "python3", "-c", _PROBE.format(probed.number)],
            "interval": "10s",
            "timeout": "3s",
            "retries": 3,
            "start_period": "5s",
        }
    }
