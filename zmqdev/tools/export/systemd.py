"""Export for systemd: a hardened service for each part, and a target for all.

Devices report that they are ready and feed the watchdog (Type=notify); endpoints are
Type=exec. All share one user, so that ipc addresses work between them, and one runtime
directory, where ctl, top and tap find them. The user is static (sysusers.d(5)), because
others cannot reach what a dynamic user keeps in /run. Files with keys, users and rights
are passed as credentials. Replicas that bind nothing and have no keys are instances of
one template.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from zmqdev.options.device import reloadable
from zmqdev.options.part import Part
from zmqdev.options.quantity import format_duration
from zmqdev.tools.export.database import has_database, notes, without_secret
from zmqdev.tools.export.export import (
    Export,
    Options,
    Unit,
    joined,
    label,
    most_memory,
    stop_seconds,
    together,
    units,
    unpacked,
)
from zmqdev.tools.export.reach import opened
from zmqdev.tools.export.store import own_place, store_of, with_store
from zmqdev.topology.links import Plan

WATCHDOG = 20
# Enough for the messages that leave after the drain.
_PASSWORD = "/etc/zmqdev/postgres.env"
_PRIVILEGED = 1024
HARDENED = (
    "User=zmqdev",
    "Group=zmqdev",
    "PrivateTmp=yes",
    "RemoveIPC=yes",
    "NoNewPrivileges=yes",
    "ProtectSystem=strict",
    "ProtectHome=yes",
    "PrivateDevices=yes",
    "ProtectClock=yes",
    "ProtectHostname=yes",
    "ProtectKernelLogs=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelTunables=yes",
    "ProtectControlGroups=yes",
    "ProtectProc=invisible",
    "RestrictNamespaces=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "LockPersonality=yes",
    "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service",
    # Netlink is used to find interfaces by name.
    "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK",
    "UMask=0077",
    # One directory for all services, which stays until the last one has ended.
    "RuntimeDirectory=zmqdev",
    "RuntimeDirectoryMode=0750",
    "RuntimeDirectoryPreserve=yes",
    "LimitNOFILE=65536",
)
USER = (
    "# sysusers.d(5): the user of the services, and the group of those who may steer them.",
    'u zmqdev - "zmqdev devices"',
)


def export(plan: Plan, options: Options) -> Export:
    """Return the units, settings files and the user's declaration."""
    made = Export()
    head = f"zmqdev-{label(plan.topology.name)}"
    target = f"{head}.target"

    def unit_name(name: str) -> str:
        return f"{head}-{label(name)}.service"

    def keys_at(part: Part) -> str:
        return f"/run/credentials/{unit_name(part.name)}"

    found = together(
        # The settings name the directory of credentials, which differs between instances.
        units(plan, apart=False, keys_at=keys_at),
        may=lambda unit: not unit.keys,
    )
    instances = {unit.called: list(_instances(head, unit)) for unit in found}
    shared = _shared(plan, instances[found[0].called][0])
    for unit in found:
        config = f"/etc/zmqdev/{head}-{unit.name}.yaml"
        made.files[config.rpartition("/")[2]] = _alone(unit, head).file
        needed = [one for name in unit.needs for one in instances[name]]
        made.files[f"{head}-{unit.name}{'@' if unit.replicas > 1 else ''}.service"] = joined(
            _service(unit, config, needed, target, options, shared=shared)
        )
    services = [one for names in instances.values() for one in names]
    made.files[target] = joined(_target(plan, services))
    made.files["zmqdev-user.conf"] = joined(USER)
    made.notes += [
        "copy *.yaml to /etc/zmqdev (mode 0600), the units to /etc/systemd/system, "
        "zmqdev-user.conf to /etc/sysusers.d, then `systemd-sysusers` and "
        f"`systemctl enable --now {target}`; users in the group zmqdev can steer all of it",
        *opened(plan),
        *unpacked(plan),
        *notes(found, f"in {_PASSWORD}, mode 0600, where it has one"),
    ]
    return made


def _alone(unit: Unit, head: str) -> Unit:
    """Let the file pass `check` without the parts that it connects to."""
    ignored = [*unit.part.life.ignore, "nobody-binds"]
    made = without_secret(replace(unit, settings=unit.settings | {"ignore": ignored}))
    return with_store(made, f"{head}-{unit.name}.db") if own_place(unit.part) else made


def _instances(head: str, unit: Unit) -> Iterator[str]:
    if unit.replicas == 1:
        yield f"{head}-{unit.name}.service"
    for number in range(1, unit.replicas + 1) if unit.replicas > 1 else ():
        yield f"{head}-{unit.name}@{number}.service"


def _shared(plan: Plan, service: str) -> str:
    """Return the service whose /tmp all others join when an ipc address is in /tmp."""
    found = any(port.address.startswith("ipc:///tmp/") for port in plan.ports)
    return service if found else ""


def _service(
    unit: Unit, config: str, needed: list[str], target: str, options: Options, *, shared: str
) -> Iterator[str]:
    part = unit.part
    yield "[Unit]"
    instance = " %i" if unit.replicas > 1 else ""
    yield f"Description=zmqdev {part.kind} {unit.called}{instance}"
    yield f"PartOf={target}"
    yield "Wants=network-online.target"
    yield f"After={' '.join(['network-online.target', *needed])}"
    if shared:
        yield f"JoinsNamespaceOf={shared}"
    yield "StartLimitIntervalSec=0" if not part.life.restart.limit else "StartLimitIntervalSec=60"
    if part.life.restart.limit:
        yield f"StartLimitBurst={part.life.restart.limit}"
    yield ""
    yield "[Service]"
    yield from _life(unit, config, options)
    yield from HARDENED
    yield from _rights(unit)
    yield ""
    yield "[Install]"
    yield f"WantedBy={target}"


def _life(unit: Unit, config: str, options: Options) -> Iterator[str]:
    part = unit.part
    device = part.device
    yield f"Type={'notify' if device else 'exec'}"
    if device:
        yield f"WatchdogSec={WATCHDOG}"
    yield f"ExecStartPre={options.program} check %d/config.yaml"
    yield f"ExecStart={options.program} {' '.join(unit.command('%d/config.yaml'))}"
    yield f"LoadCredential=config.yaml:{config}"
    for name, path in unit.keys.items():
        yield f"LoadCredential={name.replace('/', '_')}:{path}"
    yield f"Restart={part.life.restart.policy}"
    yield "RestartPreventExitStatus=2 3"
    yield f"RestartSec={format_duration(part.life.restart.delay)}"
    yield f"TimeoutStopSec={stop_seconds(part)}"
    if device and reloadable(device):
        # A device without files to read again ends on SIGHUP.
        yield "ExecReload=/bin/kill -HUP $MAINPID"
    yield f"MemoryMax={most_memory(part)}"


def _rights(unit: Unit) -> Iterator[str]:
    if any(port < _PRIVILEGED for port in unit.ports):
        yield "AmbientCapabilities=CAP_NET_BIND_SERVICE"
        yield "CapabilityBoundingSet=CAP_NET_BIND_SERVICE"
    else:
        yield "CapabilityBoundingSet="
    if has_database(unit.part):
        yield f"EnvironmentFile=-{_PASSWORD}"
    if own_place(unit.part):
        yield "StateDirectory=zmqdev"
        yield "StateDirectoryMode=0700"
    directories = sorted(_directories(unit.part))
    if directories:
        yield f"ReadWritePaths={' '.join(directories)}"


def _directories(part: Part) -> set[str]:
    """Return the directories of ipc sockets and a store, except /tmp, which is always writable."""
    addresses = [address for _, side in part.addressed for address in (*side.bind, *side.connect)]
    paths = [a.removeprefix("ipc://") for a in addresses if a.startswith("ipc:///")]
    store = store_of(part)
    if store is not None and not own_place(part):
        paths.append(store)
    return {path.rpartition("/")[0] or "/" for path in paths if not path.startswith("/tmp/")}


def _target(plan: Plan, services: list[str]) -> Iterator[str]:
    yield "[Unit]"
    yield f"Description=zmqdev: all of {plan.topology.name}"
    yield f"Wants={' '.join(services)}"
    yield ""
    yield "[Install]"
    yield "WantedBy=multi-user.target"
