"""The command line on a stack that is up: what it shows, and how it says no."""

import json
from pathlib import Path

import pytest

from contracts.subjects import SERVICES
from tenantry.stack.folder import PRODUCTS
from tests.shell import Shell

pytestmark = [pytest.mark.timeout(180), pytest.mark.xdist_group("stack")]


def test_status_shows_every_process_ready(shell: Shell) -> None:
    rows = json.loads(shell.process("status", "--json").stdout)
    assert {row["process"]: row["state"] for row in rows} == dict.fromkeys(
        ("issuer", *SERVICES, *PRODUCTS), "ready"
    )


def test_a_second_instance_is_told_where_the_first_is(shell: Shell) -> None:
    second = shell.process("up")
    assert second.returncode == 1
    assert "another instance" in second.stderr
    assert "TENANTRY_DATA_DIR" in second.stderr


def test_events_are_tailed_shown_and_replayed(shell: Shell) -> None:
    lines = shell.run("events", "tail", "registry", "--all", "--no-follow", "--json").stdout.splitlines()
    first = json.loads(lines[0])
    assert first["headers"]["ce-type"] == "registry.source.heartbeat.v1"
    shown = json.loads(shell.run("events", "show", "registry", "1").stdout)
    assert shown["headers"]["ce-id"] == first["headers"]["ce-id"]
    replayed = shell.run(
        "events", "replay", "registry", first["headers"]["ce-sourceepoch"], "1", "1", "--json"
    )
    assert json.loads(replayed.stdout)["headers"]["ce-id"] == first["headers"]["ce-id"]


def test_outbox_and_dead_letters_are_listed(shell: Shell) -> None:
    outbox = json.loads(shell.run("outbox", "status", "--json").stdout)
    assert [row["not_numbered"] for row in outbox] == [0] * 5
    assert json.loads(shell.run("dead-letters", "list", "audit", "--json").stdout) == []


def test_a_minted_token_opens_the_registry_and_nonsense_does_not(shell: Shell) -> None:
    assert shell.run("tokens", "mint", "--role", "PLATFORM_ADMIN").stdout.count(".") == 2
    refused = shell.process("tokens", "mint", "--role", "KING")
    assert refused.returncode == 1
    assert "refused" in refused.stderr


def test_a_wrong_service_is_named(shell: Shell) -> None:
    wrong = shell.run("events", "show", "nobody", "1")
    assert (wrong.returncode, "there is no service 'nobody'" in wrong.stderr) == (1, True)


def test_without_a_stack_the_cure_is_said(tmp_path: Path) -> None:
    down = Shell(tmp_path / "data").process("outbox", "status")
    assert down.returncode == 1
    assert "is it up?" in down.stderr
