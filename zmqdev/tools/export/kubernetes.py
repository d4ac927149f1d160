"""Export for Kubernetes: a Deployment for each part, a Service where it binds, settings and keys.

Replicas that bind nothing become replicas of one Deployment. One that binds has an
address of its own (${REPLICA} in its port) and stays a separate Deployment: behind one
Service its peers would reach any of them. A part that ends by itself, after a number of
messages or a time, becomes a Job, because a Deployment would start it again.

Settings are a ConfigMap, or a Secret when they hold one. The files of a Secret belong
to root and are readable by the group, which zmqdev refuses for keys, so an init
container copies them to memory with mode 0600.

A port that the file binds on the loopback is open only to the parts that connect to it
(NetworkPolicy); where none does, it stays on the loopback of its pod.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from math import ceil
from pathlib import Path
from typing import Any

from zmqdev.errors import UsageError, in_words
from zmqdev.options.device import DeviceSpec
from zmqdev.options.part import Part
from zmqdev.options.sockopt import MEBIBYTE
from zmqdev.tools.export.database import databases, has_database, notes, with_database
from zmqdev.tools.export.export import (
    Export,
    Mode,
    Options,
    Unit,
    as_yaml,
    health,
    label,
    most_memory,
    secret,
    stop_seconds,
    stranded,
    together,
    units,
    unpacked,
    with_health,
)
from zmqdev.tools.export.kubernetes_database import database_objects, password_from, pod
from zmqdev.tools.export.reach import Bound, allowed_here, opened, widened
from zmqdev.tools.export.store import PLACE, most_bytes, store_of, with_store
from zmqdev.topology.links import Plan

KEYS, SEALED = "/run/zmqdev/keys", "/run/zmqdev/sealed"
CONFIG = "/etc/zmqdev"
USER = 65532  # a user id that neither images nor nodes use
_PRIVILEGED = 1024
_REQUESTS = {"cpu": "50m", "memory": "64Mi"}
_COPYING = {"cpu": "50m", "memory": "32Mi"}
# Keys of a ConfigMap or Secret must not contain a slash.
_COPY = (
    "set -e; cd {sealed}; for f in *; do t={keys}/$(echo \"$f\" | sed 's|\\.\\.|/|'); "
    'mkdir -p "$(dirname "$t")"; cp "$f" "$t"; chmod 600 "$t"; done'
)
_SLASH = ".."


def export(plan: Plan, options: Options) -> Export:
    """Return one file with all objects."""
    made = Export()
    app = label(plan.topology.name)
    documents: list[dict[str, Any]] = []
    found = together(units(plan, apart=True, keys_at=lambda part: KEYS, alone=True))
    for database, users in databases(found):
        documents += database_objects(database, users, app, options.namespace)
    for unit in found:
        # The node probes the address of the pod.
        ready = with_database(with_store(with_health(unit, "0.0.0.0")))
        documents += _objects(ready, app, options)
    made.files[f"{app}.yaml"] = as_yaml(documents)
    made.notes += [*stranded(plan), *opened(plan), *widened(plan), *allowed_here(plan)]
    made.notes += [note for unit in found for note in _hidden(unit)]
    if any(document["kind"] == "NetworkPolicy" for document in documents):
        made.notes.append("NetworkPolicy needs a network plugin that enforces it")
    made.notes += unpacked(plan)
    made.notes += notes(found, "as the key password of a Secret")
    return made


def _hidden(unit: Unit) -> Iterator[str]:
    for bound in unit.bound:
        if bound.loopback and not bound.peers:
            yield (
                f"{unit.called}: port {bound.number} stays on the loopback of its pod; "
                f"kubectl port-forward deployment/{unit.name} {bound.number}"
            )


def _objects(unit: Unit, app: str, options: Options) -> Iterator[dict[str, Any]]:
    def named(kind: str, version: str, name: str, **rest: Any) -> dict[str, Any]:
        meta: dict[str, Any] = {"name": name, "labels": _labels(unit, app)}
        if options.namespace:
            meta["namespace"] = options.namespace
        return {"apiVersion": version, "kind": kind, "metadata": meta, **rest}

    if secret(unit):
        data = {"config.yaml": unit.file}
        yield named("Secret", "v1", f"{unit.name}-config", type="Opaque", stringData=data)
    else:
        data = {"config.yaml": unit.file}
        yield named("ConfigMap", "v1", f"{unit.name}-config", data=data)
    if unit.keys:
        sealed = {name.replace("/", _SLASH): _encoded(path) for name, path in unit.keys.items()}
        yield named("Secret", "v1", f"{unit.name}-keys", type="Opaque", data=sealed)
    if store_of(unit.part):
        size = f"{ceil(most_bytes(unit.part) / MEBIBYTE)}Mi"
        claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
        yield named("PersistentVolumeClaim", "v1", f"{unit.name}-store", spec=claim)
    if _ends(unit.part):
        yield named("Job", "batch/v1", unit.name, spec=_job(unit, app, options))
    else:
        yield named("Deployment", "apps/v1", unit.name, spec=_deployment(unit, app, options))
    reached = _reached(unit)
    if reached:
        ports = [{"name": f"tcp-{port}", "port": port, "targetPort": port} for port in reached]
        spec = {"selector": _labels(unit, app), "ports": ports}
        yield named("Service", "v1", unit.name, spec=spec)
    ingress = _ingress(unit, app)
    if ingress is not None:
        spec = {
            "podSelector": {"matchLabels": _labels(unit, app)},
            "policyTypes": ["Ingress"],
            "ingress": ingress,
        }
        yield named("NetworkPolicy", "networking.k8s.io/v1", unit.name, spec=spec)


def _reached(unit: Unit) -> list[int]:
    """Return the ports that other pods connect to."""
    return list(dict.fromkeys(b.number for b in unit.bound if b.peers or not b.loopback))


def _ingress(unit: Unit, app: str) -> list[dict[str, Any]] | None:
    """Return the rules for connections to the unit; None when the file restricts none."""
    probed = health(unit.part)
    device = unit.part.device
    metrics = [probed] if probed is not None and device is not None and device.metrics else []
    closed = [bound for bound in (*unit.bound, *metrics) if bound.loopback]
    if not closed:
        return None
    ingress = [
        {"from": [_pods(name, app) for name in bound.peers], "ports": [_port(bound)]}
        for bound in closed
        if bound.peers
    ]
    open_ = [_port(bound) for bound in (*unit.bound, *metrics) if not bound.loopback]
    if probed is not None and not metrics:
        open_.append(_port(probed))
    return [*ingress, *([{"ports": open_}] if open_ else [])]


def _pods(name: str, app: str) -> dict[str, Any]:
    return {"podSelector": {"matchLabels": _named(label(name), app)}}


def _port(bound: Bound) -> dict[str, Any]:
    return {"protocol": "TCP", "port": bound.number}


def _labels(unit: Unit, app: str) -> dict[str, str]:
    return _named(unit.name, app)


def _named(name: str, app: str) -> dict[str, str]:
    return {"app.kubernetes.io/part-of": app, "app.kubernetes.io/name": name}


def _template(unit: Unit, app: str, pod: dict[str, Any]) -> dict[str, Any]:
    """Return a pod template with a checksum, so that new settings or keys start new pods."""
    content = [unit.file, *(_encoded(path) for path in unit.keys.values())]
    checksum = hashlib.sha256("\n".join(content).encode(errors="surrogateescape")).hexdigest()
    meta = {"labels": _labels(unit, app), "annotations": {"checksum/config": checksum}}
    return {"metadata": meta, "spec": pod}


def _encoded(path: str) -> str:
    try:
        return base64.b64encode(Path(path).read_bytes()).decode()
    except OSError as error:
        raise UsageError(f"cannot be read: {in_words(error)}", path) from None


def _ends(part: Part) -> bool:
    count = None if isinstance(part.spec, DeviceSpec) else part.spec.count
    asked = part.spec.duration or count
    return bool(asked) and part.life.restart.policy != "always"


def _job(unit: Unit, app: str, options: Options) -> dict[str, Any]:
    again = unit.part.life.restart
    pods = _pod(unit, options)
    pods["restartPolicy"] = "Never" if again.policy == "no" else "OnFailure"
    return {
        "parallelism": unit.replicas,
        "completions": unit.replicas,
        "backoffLimit": 0 if again.policy == "no" else again.limit or _FOR_EVER,
        "template": _template(unit, app, pods),
    }


def _deployment(unit: Unit, app: str, options: Options) -> dict[str, Any]:
    return {
        "replicas": unit.replicas,
        "strategy": _STEP_BY_STEP if unit.replicas > 1 else _RECREATE,
        "selector": {"matchLabels": _labels(unit, app)},
        "template": _template(unit, app, _pod(unit, options)),
    }


def _pod(unit: Unit, options: Options) -> dict[str, Any]:
    made = pod(USER, _container(unit, options), list(_volumes(unit)), stop_seconds(unit.part))
    if any(port < _PRIVILEGED for port in unit.ports):
        made["securityContext"]["sysctls"] = [
            {"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}
        ]
    if unit.keys:
        made["initContainers"] = [_copying(options)]
    return made


# Two pods of one part at a time would divide its peers between them.
_RECREATE = {"type": "Recreate"}
_STEP_BY_STEP = {
    "type": "RollingUpdate",
    "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1},
}
_FOR_EVER = 2**31 - 1
_LOCKED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


def _container(unit: Unit, options: Options) -> dict[str, Any]:
    mounts = [
        {"name": "config", "mountPath": CONFIG, "readOnly": True},
        {"name": "tmp", "mountPath": "/tmp"},
    ]
    if store_of(unit.part):
        mounts.append({"name": "store", "mountPath": PLACE})
    if unit.keys:
        mounts.append({"name": "keys", "mountPath": KEYS})
    made: dict[str, Any] = {
        "name": unit.part.kind,
        "image": options.image,
        "args": unit.command(f"{CONFIG}/config.yaml"),
        "resources": {
            "requests": dict(_REQUESTS),
            "limits": {"memory": f"{ceil(most_memory(unit.part) / MEBIBYTE)}Mi"},
        },
        "securityContext": dict(_LOCKED),
        "volumeMounts": mounts,
    }
    if has_database(unit.part):
        made["env"] = [password_from("PGPASSWORD", *(one for one, _ in databases([unit])))]
    probed = health(unit.part)
    numbers = [*_reached(unit), *([probed.number] if probed is not None else [])]
    if numbers:
        made["ports"] = [{"containerPort": number} for number in numbers]
    if probed is not None:
        made["readinessProbe"] = _probe("/readyz", probed.number, 5)
        made["livenessProbe"] = _probe("/healthz", probed.number, 10)
    return made


def _probe(path: str, port: int, period: int) -> dict[str, Any]:
    return {"httpGet": {"path": path, "port": port}, "periodSeconds": period, "timeoutSeconds": 2}


def _copying(options: Options) -> dict[str, Any]:
    return {
        "name": "keys",
        "image": options.image,
        "command": ["sh", "-c", _COPY.format(sealed=SEALED, keys=KEYS)],
        "resources": {"requests": dict(_COPYING), "limits": dict(_COPYING)},
        "securityContext": dict(_LOCKED),
        "volumeMounts": [
            {"name": "sealed", "mountPath": SEALED, "readOnly": True},
            {"name": "keys", "mountPath": KEYS},
        ],
    }


def _volumes(unit: Unit) -> Iterator[dict[str, Any]]:
    name = f"{unit.name}-config"
    source: dict[str, Any] = {"configMap": {"name": name}}
    if secret(unit):
        source = {"secret": {"secretName": name, "defaultMode": Mode(0o440)}}
    yield {"name": "config", **source}
    yield {"name": "tmp", "emptyDir": {}}
    if store_of(unit.part):
        yield {"name": "store", "persistentVolumeClaim": {"claimName": f"{unit.name}-store"}}
    if unit.keys:
        held = {"secretName": f"{unit.name}-keys", "defaultMode": Mode(0o440)}
        yield {"name": "sealed", "secret": held}
        yield {"name": "keys", "emptyDir": {"medium": "Memory"}}
