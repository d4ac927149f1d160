"""Kubernetes: a Deployment for each part, a Service where it binds, settings and keys beside.

Replicas that bind nothing are replicas of one Deployment. One that binds has an
address of its own (${REPLICA} in its port), so it stays a Deployment of its own:
behind one Service its peers would come to any of them. What ends by itself, after
a number of messages or a time, is a Job: a Deployment would start it again.

Settings are a ConfigMap, or a Secret when they hold one. A Secret's files
belong to root and are readable by the group, which zmqdev refuses for keys; an
init container copies them to memory with mode 0600.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import Any

from zmqdev.errors import UsageError, in_words
from zmqdev.options.part import Part
from zmqdev.tools.export.export import (
    Export,
    Options,
    Unit,
    as_yaml,
    bound_narrowly,
    health_port,
    label,
    secret,
    stranded,
    together,
    units,
    unpacked,
    with_health,
)
from zmqdev.topology.links import Plan

GRACE = 5
KEYS, SEALED = "/run/zmqdev/keys", "/run/zmqdev/sealed"
CONFIG = "/etc/zmqdev"
USER = 65532  # nobody that an image or a node has
_REQUESTS = {"cpu": "50m", "memory": "64Mi"}
_LIMITS = {"memory": "512Mi"}
# Keys of a ConfigMap or Secret have no slash.
_COPY = (
    "set -e; cd {sealed}; for f in *; do t={keys}/$(echo \"$f\" | sed 's|\\.\\.|/|'); "
    'mkdir -p "$(dirname "$t")"; cp "$f" "$t"; chmod 600 "$t"; done'
)
_SLASH = ".."


def export(plan: Plan, options: Options) -> Export:
    made = Export()
    app = label(plan.topology.name)
    documents: list[dict[str, Any]] = []
    for unit in together(units(plan, apart=True, keys_at=lambda part: KEYS)):
        documents += _objects(replace(unit, settings=with_health(unit)), app, options)
    made.files[f"{app}.yaml"] = as_yaml(documents)
    made.notes += [*stranded(plan), *bound_narrowly(plan), *unpacked(plan)]
    return made


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
    if _ends(unit.part):
        yield named("Job", "batch/v1", unit.name, spec=_job(unit, app, options))
    else:
        yield named("Deployment", "apps/v1", unit.name, spec=_deployment(unit, app, options))
    if unit.ports:
        ports = [{"name": f"tcp-{port}", "port": port, "targetPort": port} for port in unit.ports]
        spec = {"selector": _labels(unit, app), "ports": ports}
        yield named("Service", "v1", unit.name, spec=spec)


def _labels(unit: Unit, app: str) -> dict[str, str]:
    return {"app.kubernetes.io/part-of": app, "app.kubernetes.io/name": unit.name}


def _encoded(path: str) -> str:
    try:
        return base64.b64encode(Path(path).read_bytes()).decode()
    except OSError as error:
        raise UsageError(f"cannot be read: {in_words(error)}", path) from None


def _ends(part: Part) -> bool:
    asked = part.spec.duration or getattr(part.spec, "count", None)
    return bool(asked) and part.spec.restart.policy != "always"


def _job(unit: Unit, app: str, options: Options) -> dict[str, Any]:
    again = unit.part.spec.restart
    pod = _pod(unit, options)
    pod["restartPolicy"] = "Never" if again.policy == "no" else "OnFailure"
    return {
        "parallelism": unit.replicas,
        "completions": unit.replicas,
        "backoffLimit": 0 if again.policy == "no" else again.limit or _FOR_EVER,
        "template": {"metadata": {"labels": _labels(unit, app)}, "spec": pod},
    }


def _deployment(unit: Unit, app: str, options: Options) -> dict[str, Any]:
    return {
        "replicas": unit.replicas,
        "strategy": _STEP_BY_STEP if unit.replicas > 1 else _RECREATE,
        "selector": {"matchLabels": _labels(unit, app)},
        "template": {"metadata": {"labels": _labels(unit, app)}, "spec": _pod(unit, options)},
    }


def _pod(unit: Unit, options: Options) -> dict[str, Any]:
    pod: dict[str, Any] = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": ceil(unit.part.spec.drain) + GRACE,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(unit, options)],
        "volumes": list(_volumes(unit)),
    }
    if unit.keys:
        pod["initContainers"] = [_copying(options)]
    return pod


# Two of one part at a time would share its peers between them.
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
    if unit.keys:
        mounts.append({"name": "keys", "mountPath": KEYS})
    made: dict[str, Any] = {
        "name": unit.part.kind,
        "image": options.image,
        "args": [*unit.command, f"{CONFIG}/config.yaml"],
        "resources": {"requests": dict(_REQUESTS), "limits": dict(_LIMITS)},
        "securityContext": dict(_LOCKED),
        "volumeMounts": mounts,
    }
    port = health_port(unit.part)
    numbers = [*unit.ports, *([port] if port is not None else [])]
    if numbers:
        made["ports"] = [{"containerPort": number} for number in numbers]
    if port is not None:
        made["readinessProbe"] = _probe("/readyz", port, 5)
        made["livenessProbe"] = _probe("/healthz", port, 10)
    return made


def _probe(path: str, port: int, period: int) -> dict[str, Any]:
    return {"httpGet": {"path": path, "port": port}, "periodSeconds": period, "timeoutSeconds": 2}


def _copying(options: Options) -> dict[str, Any]:
    return {
        "name": "keys",
        "image": options.image,
        "command": ["sh", "-c", _COPY.format(sealed=SEALED, keys=KEYS)],
        "securityContext": dict(_LOCKED),
        "volumeMounts": [
            {"name": "sealed", "mountPath": SEALED, "readOnly": True},
            {"name": "keys", "mountPath": KEYS},
        ],
    }


def _volumes(unit: Unit) -> Iterator[dict[str, Any]]:
    name = f"{unit.name}-config"
    source = {"secret": {"secretName": name}} if secret(unit) else {"configMap": {"name": name}}
    yield {"name": "config", **source}
    yield {"name": "tmp", "emptyDir": {}}
    if unit.keys:
        yield {"name": "sealed", "secret": {"secretName": f"{unit.name}-keys"}}
        yield {"name": "keys", "emptyDir": {"medium": "Memory"}}
