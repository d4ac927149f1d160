"""Exports, each judged by the engine's own validator or its published schema."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from click.testing import CliRunner, Result
from compose_spec import ComposeSpecification

from zmqdev.cli.program import program
from zmqdev.errors import UsageError

CONFIGS = sorted((Path(__file__).parents[3] / "configs").glob("*.yaml"))
FARM = """
parts:
  calls:
    endpoint: client
    connect: 'tcp://127.0.0.1:5555'
    plain-username: u
    plain-password: p$w
  jobs:
    device: queue
    restart: always
    frontend: {{bind: 'tcp://127.0.0.1:5555', plain-users: {0}/users}}
    backend: {{bind: 'tcp://127.0.0.1:5559'}}
    reliable: {{workers: plain, dead-letters: 'tcp://127.0.0.1:5560'}}
  hands: {{endpoint: worker, replicas: 2, connect: 'tcp://localhost:5559', drain: 2500ms}}
"""


def run(path: Path, *words: str) -> Result:
    return CliRunner().invoke(
        program, ["export", str(path), "--to", *words], catch_exceptions=True, standalone_mode=False
    )


@pytest.fixture
def farm(tmp_path: Path) -> Path:
    users = tmp_path / "users"
    users.write_text("")
    users.chmod(0o600)
    path = tmp_path / "farm.yaml"
    path.write_text(FARM.format(tmp_path))
    return path


def compose(path: Path) -> dict[str, Any]:
    result = run(path, "compose")
    assert result.exception is None, result.exception
    tree: dict[str, Any] = yaml.safe_load(result.stdout)
    ComposeSpecification.model_validate(tree)
    return tree


def manifests(path: Path) -> dict[tuple[str, str], dict[str, Any]]:
    result = run(path, "kubernetes", "--namespace", "work")
    assert result.exception is None, result.exception
    found = list(yaml.safe_load_all(result.stdout))
    for one in found:
        kubernetes_validate.validate(one, kubernetes_validate.latest_version(), strict=True)
    return {(one["kind"], one["metadata"]["name"]): one for one in found}


def portable(path: Path) -> bool:
    """ipc and inproc stay on one machine."""
    text = path.read_text()
    return "ipc://" not in text and "inproc://" not in text


@pytest.mark.parametrize("path", [p for p in CONFIGS if portable(p)], ids=lambda p: p.name)
def test_every_shipped_file_can_be_exported(path: Path) -> None:
    assert compose(path)["services"]
    assert manifests(path)


def test_compose_has_a_service_for_each_part(farm: Path) -> None:
    tree = compose(farm)
    services = tree["services"]
    assert list(services) == ["calls", "jobs", "hands"]
    assert services["jobs"]["restart"] == "always"
    assert services["jobs"]["ports"] == ["5560:5560"]
    assert services["hands"]["stop_grace_period"] == "8s"
    assert services["hands"]["deploy"] == {"replicas": 2}
    assert services["hands"]["depends_on"] == {"jobs": {"condition": "service_healthy"}}
    assert "readyz" in services["jobs"]["healthcheck"]["test"][-1]


def test_addresses_become_the_names_of_services(farm: Path) -> None:
    configs = compose(farm)["configs"]
    jobs = yaml.safe_load(configs["jobs"]["content"])
    hands = yaml.safe_load(configs["hands"]["content"])
    assert jobs["frontend"]["bind"] == "tcp://*:5555"
    assert jobs["reliable"]["dead-letters"] == "tcp://*:5560"
    assert hands["connect"] == "tcp://jobs:5559"


def test_a_dollar_stays_one_in_compose(farm: Path) -> None:
    assert '"p$$w"' in compose(farm)["configs"]["calls"]["content"]


def test_keys_become_secrets(farm: Path, tmp_path: Path) -> None:
    tree = compose(farm)
    assert tree["secrets"] == {"jobs-frontend-plain-users": {"file": f"{tmp_path}/users"}}
    settings = yaml.safe_load(tree["configs"]["jobs"]["content"])
    assert settings["frontend"]["plain-users"] == "/run/secrets/frontend-plain-users"


def test_kubernetes_has_a_deployment_for_each_and_a_service_where_it_binds(farm: Path) -> None:
    found = manifests(farm)
    kinds = [kind for kind, _ in found]
    assert (kinds.count("Deployment"), kinds.count("Service")) == (3, 1)
    assert found["Deployment", "hands"]["spec"]["replicas"] == 2
    assert found["Deployment", "jobs"]["spec"]["strategy"] == {"type": "Recreate"}
    ports = found["Service", "jobs"]["spec"]["ports"]
    assert [port["port"] for port in ports] == [5555, 5559, 5560]
    assert {one["metadata"]["namespace"] for one in found.values()} == {"work"}


def test_kubernetes_asks_devices_for_their_health(farm: Path) -> None:
    found = manifests(farm)
    (jobs,) = found["Deployment", "jobs"]["spec"]["template"]["spec"]["containers"]
    assert jobs["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": 9464}
    assert jobs["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert jobs["resources"]["limits"]
    settings = yaml.safe_load(found["ConfigMap", "jobs-config"]["data"]["config.yaml"])
    assert settings["metrics"] == "0.0.0.0:9464"


def test_what_is_secret_is_in_secrets_alone(farm: Path) -> None:
    found = manifests(farm)
    assert ("Secret", "calls-config") in found
    assert ("ConfigMap", "calls-config") not in found
    assert list(found["Secret", "jobs-keys"]["data"]) == ["frontend-plain-users"]


def test_systemd_units_pass_its_own_verification(farm: Path, tmp_path: Path) -> None:
    units = tmp_path / "units"
    assert run(farm, "systemd", "--output", str(units), "--program", "/bin/sh").return_value == 0
    services = sorted(units.glob("*.service"))
    assert [service.name for service in services] == [
        "zmqdev-farm-calls.service",
        "zmqdev-farm-hands@.service",
        "zmqdev-farm-jobs.service",
    ]
    verify = shutil.which("systemd-analyze")
    for service in services:
        text = service.read_text()
        assert "NoNewPrivileges=yes" in text
        assert all(line.count("=") for line in text.splitlines() if line and line[0] != "[")
        if verify is not None:
            told = subprocess.run(
                [verify, "verify", "--man=no", str(service).replace("@.", "@1.")],
                capture_output=True,
                text=True,
            )
            assert (told.returncode, told.stderr) == (0, "")


def test_systemd_waits_for_readiness_and_feeds_the_watchdog(farm: Path, tmp_path: Path) -> None:
    run(farm, "systemd", "--output", str(tmp_path / "u"))
    jobs = (tmp_path / "u" / "zmqdev-farm-jobs.service").read_text().splitlines()
    hands = (tmp_path / "u" / "zmqdev-farm-hands@.service").read_text().splitlines()
    assert {"Type=notify", "WatchdogSec=20", "Restart=always"} <= set(jobs)
    assert f"LoadCredential=frontend-plain-users:{tmp_path}/users" in jobs
    assert "After=network-online.target zmqdev-farm-jobs.service" in hands
    assert {"Type=exec", "Restart=on-failure", "TimeoutStopSec=8"} <= set(hands)
    target = (tmp_path / "u" / "zmqdev-farm.target").read_text()
    assert "zmqdev-farm-hands@1.service zmqdev-farm-hands@2.service" in target
    assert (tmp_path / "u" / "zmqdev-farm-jobs.yaml").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("text", "engine", "message"),
    [
        ("backend: {bind: 'ipc:///tmp/x'}", "compose", "ipc stays on one machine; use tcp"),
        ("backend: {bind: 'tcp://127.0.0.1:*'}", "systemd", "name the port"),
        ("isolate: thread, backend: {bind: 'inproc://x'}", "kubernetes", "inproc stays in one"),
    ],
)
def test_what_an_engine_cannot_do_is_refused_with_its_place(
    tmp_path: Path, text: str, engine: str, message: str
) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(f"parts: {{a: {{device: queue, {text}}}}}")
    result = run(path, engine)
    assert isinstance(result.exception, UsageError)
    assert message in str(result.exception)
    assert str(result.exception).startswith(f"{path}:1:")


BOUND = """
parts:
  out: {endpoint: sub, connect: ['tcp://127.0.0.1:7001', 'tcp://127.0.0.1:7002']}
  in: {endpoint: pub, replicas: 2, bind: 'tcp://127.0.0.1:700${REPLICA}', data: x, interval: 1s}
  each: {endpoint: sub, replicas: 2, connect: 'tcp://127.0.0.1:7001', subscribe: '${REPLICA}'}
"""


def test_replicas_that_bind_or_differ_stay_apart(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(BOUND)
    services = compose(path)["services"]
    assert list(services) == ["out", "in-1", "in-2", "each-1", "each-2"]
    assert not any("deploy" in service for service in services.values())
    found = manifests(path)
    assert {name for kind, name in found if kind == "Service"} == {"in-1", "in-2"}


def test_what_ends_by_itself_is_a_job(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(
        "parts:\n"
        "  a: {endpoint: push, connect: 'tcp://127.0.0.1:9', data: x, count: 3, replicas: 2}\n"
        "  b: {endpoint: pull, connect: 'tcp://127.0.0.1:9', duration: 1s, restart: always}\n"
    )
    found = manifests(path)
    job = found["Job", "a"]["spec"]
    assert (job["parallelism"], job["completions"], job["backoffLimit"]) == (2, 2, 10)
    assert job["template"]["spec"]["restartPolicy"] == "OnFailure"
    assert ("Deployment", "b") in found


def test_secrets_in_files_and_the_keys_of_a_directory_go_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clients").mkdir()
    for name in ("own", "word", "clients/a.key"):
        (tmp_path / name).write_text("x")
    path = tmp_path / "f.yaml"
    path.write_text(
        "parts:\n"
        "  a: {endpoint: pull, bind: 'tcp://*:9', curve-key: own, authorized-keys: clients}\n"
        "  b: {endpoint: push, connect: 'tcp://h:8', plain-username: u, plain-password: '@word',"
        " file: jobs}\n"
    )
    found = manifests(path)
    assert list(found["Secret", "a-keys"]["data"]) == ["curve-key", "authorized-keys..a.key"]
    assert list(found["Secret", "b-keys"]["data"]) == ["plain-password"]
    settings = yaml.safe_load(found["ConfigMap", "b-config"]["data"]["config.yaml"])
    assert settings["plain-password"] == "@/run/zmqdev/keys/plain-password"
    result = run(path, "systemd")
    assert f"LoadCredential=curve-key:{tmp_path}/own" in result.stdout
    assert f'"authorized-keys": "{tmp_path}/clients"' in result.stdout
    assert "b reads jobs, which is not exported" in result.stderr


@pytest.mark.parametrize("path", [p for p in CONFIGS if portable(p)], ids=lambda p: p.name)
def test_the_settings_of_every_export_are_read_by_the_command_beside_them(
    path: Path, tmp_path: Path
) -> None:
    tree = compose(path)
    for name, service in tree["services"].items():
        (tmp_path / name).write_text(tree["configs"][name]["content"].replace("$$", "$"))
        words = [*service["command"][:-1], str(tmp_path / name), "--print-config"]
        told = CliRunner().invoke(program, words, catch_exceptions=False)
        assert told.exit_code == 0, told.output


def test_a_connection_that_would_lead_nowhere_is_told(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text("parts: {a: {endpoint: sub, connect: 'tcp://127.0.0.1:9'}}")
    told = run(path, "compose").stderr
    assert told == "zmqdev: a connects to tcp://127.0.0.1:9, which is no part of the file\n"
