"""PostgreSQL for Kubernetes, as the store of reliable queues.

It is a StatefulSet with a volume, a Service, the Secret of its password, and a
NetworkPolicy that admits only the pods of the queues.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from zmqdev.tools.export.database import DATA, IMAGE, PORT, USER, StoreDatabase
from zmqdev.tools.export.export import Unit

_SIZE = "10Gi"
_VOLUMES: list[dict[str, Any]] = [
    {"name": "run", "emptyDir": {}},
    {"name": "tmp", "emptyDir": {}},
]
_SECRET = "{}-password"


def password_from(variable: str, *database: StoreDatabase) -> dict[str, Any]:
    """Return the container variable that holds the password.

    For an existing database the user makes the Secret.
    """
    name = _SECRET.format(database[0].name if database else "postgres")
    return {"name": variable, "valueFrom": {"secretKeyRef": {"name": name, "key": "password"}}}


def database_objects(
    database: StoreDatabase, users: Sequence[Unit], app: str, namespace: str | None
) -> Iterator[dict[str, Any]]:
    """Yield the objects of one database; `users` are the units that may connect to it."""
    labels = {"app.kubernetes.io/part-of": app, "app.kubernetes.io/name": database.name}

    def named(kind: str, version: str, name: str, **rest: Any) -> dict[str, Any]:
        meta: dict[str, Any] = {"name": name, "labels": labels}
        if namespace:
            meta["namespace"] = namespace
        return {"apiVersion": version, "kind": kind, "metadata": meta, **rest}

    if database.password:
        data = {"password": database.password}
        secret = _SECRET.format(database.name)
        yield named("Secret", "v1", secret, type="Opaque", stringData=data)
    ports = [{"name": "postgresql", "port": PORT, "targetPort": PORT}]
    yield named("Service", "v1", database.name, spec={"selector": labels, "ports": ports})
    yield named("StatefulSet", "apps/v1", database.name, spec=_stateful(database, labels))
    pods = [
        {"podSelector": {"matchLabels": {**labels, "app.kubernetes.io/name": unit.name}}}
        for unit in users
    ]
    yield named(
        "NetworkPolicy",
        "networking.k8s.io/v1",
        database.name,
        spec={
            "podSelector": {"matchLabels": labels},
            "policyTypes": ["Ingress"],
            "ingress": [{"from": pods, "ports": [{"protocol": "TCP", "port": PORT}]}],
        },
    )


def _stateful(database: StoreDatabase, labels: dict[str, str]) -> dict[str, Any]:
    made = pod(USER, _container(database), _VOLUMES)
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": _SIZE}}}
    return {
        "serviceName": database.name,
        "replicas": 1,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": made},
        "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": claim}],
    }


def pod(
    user: int, container: dict[str, Any], volumes: list[dict[str, Any]], grace: int | None = None
) -> dict[str, Any]:
    """The specification of a pod with one container and no more rights than it needs; `grace` is
    how many seconds its end may take."""
    patience = {} if grace is None else {"terminationGracePeriodSeconds": grace}
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        **patience,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": user,
            "runAsGroup": user,
            "fsGroup": user,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": volumes,
    }


def _container(database: StoreDatabase) -> dict[str, Any]:
    variables = [{"name": name, "value": value} for name, value in database.variables.items()]
    probe = {"exec": {"command": database.ready}, "periodSeconds": 5, "timeoutSeconds": 3}
    return {
        "name": "postgres",
        "image": IMAGE,
        "env": [*variables, password_from("POSTGRES_PASSWORD", database)],
        "ports": [{"containerPort": PORT}],
        "resources": {
            "requests": {"cpu": "100m", "memory": "256Mi"},
            "limits": {"memory": "1Gi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "readinessProbe": probe,
        "volumeMounts": [
            {"name": "data", "mountPath": DATA},
            {"name": "run", "mountPath": "/var/run/postgresql"},
            {"name": "tmp", "mountPath": "/tmp"},
        ],
    }
