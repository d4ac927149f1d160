"""Exports, each judged by the engine's own validator or its published schema."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from click.testing import CliRunner, Result
from compose_spec import ComposeSpecification
from kubernetes_validate import utils

from zmqdev.cli.program import program
from zmqdev.errors import UsageError
from zmqdev.topology.check import check_file

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


@pytest.fixture(autouse=True, scope="module")
def schemas_are_read_once() -> Iterator[None]:
    """The validator reads megabytes of JSON for each object."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utils, "schema_contents", cache(utils.schema_contents))
        yield


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
    tree: dict[str, Any] = yaml.load(result.stdout, yaml.CSafeLoader)
    ComposeSpecification.model_validate(tree)
    return tree


def manifests(path: Path) -> dict[tuple[str, str], dict[str, Any]]:
    result = run(path, "kubernetes", "--namespace", "work")
    assert result.exception is None, result.exception
    found = list(yaml.load_all(result.stdout, yaml.CSafeLoader))
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
    assert services["jobs"]["ports"] == ["127.0.0.1:5560:5560"]
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
    assert [port["port"] for port in ports] == [5555, 5559]
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
    assert f"LoadCredential=authorized-keys:{tmp_path}/clients" in result.stdout
    place = "/run/credentials/zmqdev-f-a.service/authorized-keys_*"
    assert f'"authorized-keys": "{place}"' in result.stdout
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


OPEN = """
parts:
  jobs:
    device: queue
    frontend: {bind: 'tcp://*:5555'}
    backend: {bind: ['tcp://127.0.0.1:5559', 'tcp://127.0.0.2:5561', 'tcp://10.0.0.7:5562']}
    metrics: 127.0.0.1:9000
    capture: 'tcp://eth0:5563'
  hands: {endpoint: worker, connect: 'tcp://127.0.0.1:5559'}
"""


@pytest.fixture
def opened(tmp_path: Path) -> Path:
    path = tmp_path / "open.yaml"
    path.write_text(OPEN)
    return path


def test_compose_publishes_no_more_than_the_file_opens(opened: Path) -> None:
    jobs = compose(opened)["services"]["jobs"]
    assert jobs["ports"] == [
        "5555:5555",
        "127.0.0.2:5561:5561",
        "10.0.0.7:5562:5562",
        "127.0.0.1:5563:5563",
        "127.0.0.1:9000:9000",
    ]
    assert "127.0.0.1:9000/readyz" in jobs["healthcheck"]["test"][-1]
    told = run(opened, "compose").stderr
    assert f"{opened}:5:" in told
    assert "jobs.frontend binds tcp://*:5555" in told
    assert told.count("[open-to-all]") == 1
    assert "compose knows no interface eth0" in told


def test_probes_that_compose_asks_stay_in_the_container(farm: Path) -> None:
    settings = yaml.safe_load(compose(farm)["configs"]["jobs"]["content"])
    assert settings["metrics"] == "127.0.0.1:9464"


def test_kubernetes_keeps_the_loopback_for_the_parts_of_the_file(opened: Path) -> None:
    found = manifests(opened)
    ports = [one["port"] for one in found["Service", "jobs"]["spec"]["ports"]]
    assert ports == [5555, 5559, 5562, 5563]
    settings = yaml.safe_load(found["ConfigMap", "jobs-config"]["data"]["config.yaml"])
    assert settings["backend"]["bind"] == [
        "tcp://*:5559",
        "tcp://127.0.0.2:5561",
        "tcp://*:5562",
    ]
    hands, rest = found["NetworkPolicy", "jobs"]["spec"]["ingress"]
    assert [one["port"] for one in hands["ports"]] == [5559]
    (who,) = hands["from"]
    assert who["podSelector"]["matchLabels"]["app.kubernetes.io/name"] == "hands"
    assert [one["port"] for one in rest["ports"]] == [5555, 5562, 5563]
    told = run(opened, "kubernetes").stderr
    assert "port 5561 stays on the loopback of its pod" in told
    assert "jobs.backend binds 10.0.0.7 alone here; in the cluster every pod reaches it" in told


def test_a_file_that_keeps_nobody_out_needs_no_policy(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text("device: streamer\nfrontend: {bind: 'tcp://*:1'}\nbackend: {bind: 'tcp://*:2'}")
    assert not [name for kind, name in manifests(path) if kind == "NetworkPolicy"]


def test_probes_reach_metrics_that_the_file_has_on_the_loopback(opened: Path) -> None:
    found = manifests(opened)
    (jobs,) = found["Deployment", "jobs"]["spec"]["template"]["spec"]["containers"]
    assert jobs["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": 9000}
    settings = yaml.safe_load(found["ConfigMap", "jobs-config"]["data"]["config.yaml"])
    assert settings["metrics"] == "0.0.0.0:9000"


def test_other_settings_and_other_keys_make_new_pods(farm: Path, tmp_path: Path) -> None:
    def checksum() -> str:
        template = manifests(farm)["Deployment", "jobs"]["spec"]["template"]
        return str(template["metadata"]["annotations"]["checksum/config"])

    first = checksum()
    assert checksum() == first
    farm.write_text(farm.read_text().replace("restart: always", "drain: 3s"))
    second = checksum()
    (tmp_path / "users").write_text("# changed\n")
    assert len({first, second, checksum()}) == 3


@pytest.mark.parametrize("engine", ["compose", "kubernetes"])
def test_what_is_written_can_be_edited(farm: Path, engine: str) -> None:
    text = run(farm, engine).stdout
    assert "&id" not in text
    assert "*id" not in text
    assert "ode: 0400" in text or "ode: 0440" in text


@pytest.mark.parametrize("engine", ["compose", "kubernetes", "systemd"])
def test_statistics_are_off_unless_the_file_asks_for_them(tmp_path: Path, engine: str) -> None:
    def words(asked: str) -> str:
        path = tmp_path / "f.yaml"
        path.write_text(f"{{device: queue, {asked}}}")
        return run(path, engine).stdout.replace("\n", " ").replace("- ", "").replace("  ", "")

    for asked in ("name: q", "stats: {interval: 2s}"):
        assert "--stats" in words(asked)
        assert "off" in words(asked)
    for asked in ("stats: json", "stats: {mode: line}"):
        assert "--stats" not in words(asked)


def test_in_a_directory_compose_has_files_that_older_versions_mount(
    farm: Path, tmp_path: Path
) -> None:
    made = tmp_path / "made"
    assert run(farm, "compose", "--output", str(made)).return_value == 0
    text = (made / "compose.yaml").read_text()
    assert text.startswith("# For Docker Compose 1.27 or later.")
    tree = yaml.safe_load(text)
    ComposeSpecification.model_validate(tree)
    # Docker Compose 1.29 knows no other keys.
    assert set(tree) <= {"services", "secrets", "networks", "volumes"}
    jobs = tree["services"]["jobs"]
    assert jobs["volumes"] == ["./jobs.yaml:/etc/zmqdev.yaml:ro"]
    assert jobs["read_only"] is True
    assert yaml.safe_load((made / "jobs.yaml").read_text())["device"] == "queue"
    assert "p$w" in (made / "calls.yaml").read_text()


def test_settings_are_copied_into_containers_that_may_be_written_to(farm: Path) -> None:
    """docker/compose issue 12031: "container rootfs is marked read-only"."""
    assert not any(service.get("read_only") for service in compose(farm)["services"].values())


def test_a_service_runs_as_the_owner_of_its_keys(farm: Path, tmp_path: Path) -> None:
    services = compose(farm)["services"]
    held = (tmp_path / "users").stat()
    assert services["jobs"]["user"] == f"{held.st_uid}:{held.st_gid}"
    assert services["hands"]["user"] == "65532:65532"


def test_systemd_checks_before_it_starts_and_reloads_what_can_be_read_again(
    farm: Path, tmp_path: Path
) -> None:
    run(farm, "systemd", "--output", str(tmp_path / "u"))
    jobs = (tmp_path / "u" / "zmqdev-farm-jobs.service").read_text().splitlines()
    hands = (tmp_path / "u" / "zmqdev-farm-hands@.service").read_text().splitlines()
    assert "ExecStartPre=/usr/local/bin/zmqdev check %d/config.yaml" in jobs
    assert "ExecReload=/bin/kill -HUP $MAINPID" in jobs
    assert not any(line.startswith("ExecReload") for line in hands)
    for unit in (jobs, hands):
        assert {"RuntimeDirectory=zmqdev", "RuntimeDirectoryMode=0750"} <= set(unit)
        assert f"MemoryMax={512 * 1024**2}" in unit


def test_what_systemd_checks_by_itself_misses_no_other_part(farm: Path, tmp_path: Path) -> None:
    run(farm, "systemd", "--output", str(tmp_path / "u"))
    for path in (tmp_path / "u").glob("*.yaml"):
        path.write_text(path.read_text().replace("/run/credentials", str(tmp_path)))
        rules = {finding.rule for finding in check_file(str(path))}
        assert "nobody-binds" not in rules


def test_an_engines_limit_of_memory_is_above_the_parts_own(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text("{device: queue, limits: {memory: 800MiB}}")
    assert f"MemoryMax={1000 * 1024**2}" in run(path, "systemd").stdout
    assert "memory: 1000Mi" in run(path, "kubernetes").stdout
    assert f"mem_limit: {1000 * 1024**2}" in run(path, "compose").stdout


STORE = "{device: queue, name: q, frontend: {bind: 'tcp://*:1'}, reliable: {store: %s}}"


def test_a_store_outlives_its_service(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(STORE % "queue.db")
    tree = compose(path)
    assert tree["services"]["q"]["volumes"] == ["q-store:/var/lib/zmqdev"]
    assert list(tree["volumes"]) == ["q-store"]
    found = manifests(path)
    claim = found["PersistentVolumeClaim", "q-store"]["spec"]
    assert claim["resources"]["requests"]["storage"] == "2048Mi"
    pod = found["Deployment", "q"]["spec"]["template"]["spec"]
    assert {"name": "store", "mountPath": "/var/lib/zmqdev"} in pod["containers"][0]["volumeMounts"]
    for text in (
        tree["configs"]["q"]["content"],
        found["ConfigMap", "q-config"]["data"]["config.yaml"],
    ):
        assert yaml.safe_load(text)["reliable"]["store"] == "/var/lib/zmqdev/queue.db"


def test_systemd_lets_a_queue_write_its_store(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(STORE % "queue.db")
    told = run(path, "systemd").stdout
    assert "StateDirectory=zmqdev\n" in told
    assert '"store": "/var/lib/zmqdev/zmqdev-f-q.db"' in told
    path.write_text(STORE % "/srv/queues/a.db")
    told = run(path, "systemd").stdout
    assert "StateDirectory" not in told
    assert "ReadWritePaths=/srv/queues\n" in told
    assert '"store": "/srv/queues/a.db"' in told


DATABASE = """
parts:
  queue:
    device: queue
    replicas: 2
    frontend: {bind: 'tcp://*:500${REPLICA}'}
    backend: {bind: 'tcp://*:501${REPLICA}'}
    reliable: {store: 'postgresql://zmq:${PASSWORD}@db/zmqdev', lease: 3s}
"""


def test_a_store_in_a_database_brings_the_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PASSWORD", "s3cret")
    path = tmp_path / "f.yaml"
    path.write_text(DATABASE)
    tree = compose(path)
    queues = [name for name in tree["services"] if name != "db"]
    assert len(queues) == 2
    for name in queues:
        assert tree["services"][name]["depends_on"]["db"] == {"condition": "service_healthy"}
        settings = yaml.safe_load(tree["configs"][name]["content"])
        assert settings["reliable"]["store"] == "postgresql://zmq@db:5432/zmqdev"
    assert "s3cret" not in yaml.dump(tree)
    assert tree["services"]["db"]["environment"]["POSTGRES_USER"] == "zmq"
    assert list(tree["volumes"]) == ["db-data"]
    found = manifests(path)
    assert found["Secret", "db-password"]["stringData"] == {"password": "s3cret"}
    assert found["StatefulSet", "db"]["spec"]["volumeClaimTemplates"]
    users = found["NetworkPolicy", "db"]["spec"]["ingress"][0]["from"]
    assert len(users) == 2
    for name in queues:
        container = found["Deployment", name]["spec"]["template"]["spec"]["containers"][0]
        assert container["env"][0]["valueFrom"]["secretKeyRef"]["name"] == "db-password"
        assert "s3cret" not in found["ConfigMap", f"{name}-config"]["data"]["config.yaml"]


def test_a_database_that_is_somewhere_already_is_not_made(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(STORE % "'postgresql://zmq:s3cret@db.example.org,db2/zmqdev'")
    tree = compose(path)
    assert list(tree["services"]) == ["q"]
    settings = yaml.safe_load(tree["configs"]["q"]["content"])
    assert settings["reliable"]["store"] == "postgresql://zmq@db.example.org,db2/zmqdev"
    assert tree["services"]["q"]["environment"]
    told = run(path, "systemd").stdout
    assert "s3cret" not in told
    assert "StateDirectory" not in told
