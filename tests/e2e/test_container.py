"""configs/Containerfile: what it promises, and the image where a builder and its base are there."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from zmqdev.tools.export.command import ExportOptions
from zmqdev.tools.export.compose import USER as COMPOSE_USER
from zmqdev.tools.export.kubernetes import USER as KUBERNETES_USER

ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "configs" / "Containerfile"
builder = shutil.which("podman") or shutil.which("buildah")
BASE = os.environ.get("ZMQDEV_TEST_BASE_IMAGE", "")


def lines(word: str) -> list[str]:
    """The instructions of that name, continued lines joined."""
    text = re.sub(r"\\\n\s*", "", RECIPE.read_text())
    return [line.partition(" ")[2] for line in text.splitlines() if line.startswith(f"{word} ")]


def test_it_is_built_in_one_stage_and_runs_in_another() -> None:
    assert len(lines("FROM")) == 2
    assert "gcc" in RECIPE.read_text().partition("FROM ${BASE}\n")[0]
    assert "gcc" not in RECIPE.read_text().partition("FROM ${BASE}\n")[2]


def test_it_runs_as_the_user_that_exports_name() -> None:
    assert lines("USER") == [f"{COMPOSE_USER}:{COMPOSE_USER}"]
    assert COMPOSE_USER == KUBERNETES_USER


def test_its_entry_point_and_health_check_need_no_shell() -> None:
    (entry,), (health,) = lines("ENTRYPOINT"), lines("HEALTHCHECK")
    assert json.loads(entry)[-1] == "zmqdev"
    assert json.loads(health.partition(" CMD ")[2])[:2] == ["zmqdev", "ctl"]


def test_what_is_copied_is_there() -> None:
    sources = [word for line in lines("COPY") if "--from" not in line for word in line.split()[:-1]]
    assert sources
    assert all((ROOT / source).exists() for source in sources)


def test_exports_name_the_image_that_it_says_how_to_build() -> None:
    assert f"-t {ExportOptions().image} " in RECIPE.read_text()


@pytest.mark.skipif(
    builder is None, reason="neither podman nor buildah is installed (Debian: apt install podman)"
)
@pytest.mark.skipif(
    not BASE, reason="ZMQDEV_TEST_BASE_IMAGE names no Python image that can be had here"
)
@pytest.mark.timeout(900)
def test_the_image_is_built() -> None:
    """The build itself fails when the C half is missing."""
    assert builder is not None
    words = [builder, "build", "--build-arg", f"BASE={BASE}", "-t", "zmqdev:test"]
    told = subprocess.run(
        [*words, "-f", str(RECIPE), str(ROOT)], capture_output=True, text=True, timeout=850
    )
    assert told.returncode == 0, told.stdout + told.stderr
