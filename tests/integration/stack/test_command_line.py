"""The command line on a stack that is up: what it shows, and how it says no."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[3]
pytestmark = [pytest.mark.timeout(180), pytest.mark.xdist_group("stack")]


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tenantry", *arguments],
        cwd=CHECKOUT,
        env={"PATH": os.environ["PATH"], "TENANTRY_DATA_DIR": str(folder), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data folder of a stack that stays up for this module and ends with status 0."""
    place = tmp_path_factory.mktemp("stack") / "data"
    process = subprocess.Popen(
        [sys.executable, "-m", "tenantry", "up"],
        cwd=CHECKOUT,
        env={"PATH": os.environ["PATH"], "TENANTRY_DATA_DIR": str(place), "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert any("everything is up" in line for line in process.stdout)
    yield place
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=40)
    assert process.returncode == 0


def test_status_shows_every_process_ready(folder: Path) -> None:
    rows = json.loads(run(folder, "status", "--json").stdout)
    assert {row["process"]: row["state"] for row in rows} == dict.fromkeys(
        ("issuer", "registry", "bff", "audit", "sync", "notifier"), "ready"
    )


def test_a_second_instance_is_told_where_the_first_is(folder: Path) -> None:
    second = run(folder, "up")
    assert second.returncode == 1
    assert "another instance" in second.stderr
    assert "TENANTRY_DATA_DIR" in second.stderr


def test_events_are_tailed_shown_and_replayed(folder: Path) -> None:
    lines = run(folder, "events", "tail", "registry", "--all", "--no-follow", "--json").stdout.splitlines()
    first = json.loads(lines[0])
    assert first["headers"]["ce-type"] == "registry.source.heartbeat.v1"
    shown = json.loads(run(folder, "events", "show", "registry", "1").stdout)
    assert shown["headers"]["ce-id"] == first["headers"]["ce-id"]
    replayed = run(
        folder, "events", "replay", "registry", first["headers"]["ce-sourceepoch"], "1", "1", "--json"
    )
    assert json.loads(replayed.stdout)["headers"]["ce-id"] == first["headers"]["ce-id"]


def test_outbox_and_dead_letters_are_listed(folder: Path) -> None:
    outbox = json.loads(run(folder, "outbox", "status", "--json").stdout)
    assert [row["not_numbered"] for row in outbox] == [0] * 5
    assert json.loads(run(folder, "dead-letters", "list", "audit", "--json").stdout) == []


def test_a_minted_token_opens_the_registry_and_nonsense_does_not(folder: Path) -> None:
    assert run(folder, "tokens", "mint", "--role", "PLATFORM_ADMIN").stdout.count(".") == 2
    refused = run(folder, "tokens", "mint", "--role", "KING")
    assert refused.returncode == 1
    assert "refused" in refused.stderr


def test_a_wrong_service_is_named(folder: Path) -> None:
    wrong = run(folder, "events", "show", "nobody", "1")
    assert (wrong.returncode, "there is no service 'nobody'" in wrong.stderr) == (1, True)


def test_without_a_stack_the_cure_is_said(tmp_path: Path) -> None:
    down = run(tmp_path / "data", "outbox", "status")
    assert down.returncode == 1
    assert "is it up?" in down.stderr
