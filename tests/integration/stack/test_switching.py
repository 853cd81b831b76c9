"""Flags and floors from the command line, on a stack that is up."""

import json
from pathlib import Path
from typing import Any

import pytest

from chassis.outgoing import http_client
from tenantry.stack.stack import Stack
from tests.infra import eventually
from tests.integration.stack.test_command_line import run

pytestmark = [pytest.mark.timeout(180), pytest.mark.xdist_group("stack")]


def told(folder: Path, *arguments: str) -> Any:
    done = run(folder, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def flag(folder: Path, name: str) -> Any:
    return next(row for row in told(folder, "flags", "list") if row["name"] == name)


def test_a_flag_is_set_listed_told_of_and_cleared(live_stack: Path) -> None:
    [row] = told(live_stack, "flags", "set", "mfa_scope_threshold", "3", "--reason", "audit")
    assert (row["value"], row["effective"]) == (3, 3)
    assert flag(live_stack, "mfa_scope_threshold")["source"] == "platform"
    told(live_stack, "flags", "clear", "mfa_scope_threshold", "--reason", "over")
    changes = told(live_stack, "flags", "history", "mfa_scope_threshold")
    assert [(change["value"], change["reason"]) for change in changes[:2]] == [(None, "over"), (3, "audit")]
    assert "mfa_scope_threshold" in run(live_stack, "flags", "list").stdout


def test_what_keeps_desktops_out_is_asked_for_and_not_done_without_an_answer(live_stack: Path) -> None:
    asked = run(live_stack, "flags", "set", "bff_backoffice_enabled", "false", "--reason", "drill")
    assert asked.returncode == 1
    assert "for the whole platform?" in asked.stderr
    assert flag(live_stack, "bff_backoffice_enabled")["effective"] is True
    floor = (
        "floors",
        "set",
        "windows",
        "beta",
        "--enforce",
        "1.0.0",
        "--latest",
        "1.0.0",
        "--reason",
        "drill",
    )
    asked = run(live_stack, *floor)
    assert (asked.returncode, "At most 0 devices" in asked.stderr) == (1, True)
    assert told(live_stack, "floors", "list") == []
    [row] = told(live_stack, *floor, "--yes")
    assert row["enforce"] == "1.0.0"
    told(live_stack, "floors", "clear", "windows", "beta", "--reason", "over")
    assert [row["reason"] for row in told(live_stack, "floors", "history", "windows", "beta")] == [
        "over",
        "drill",
    ]


def test_a_mistake_is_told_with_its_place_and_its_cure(live_stack: Path) -> None:
    for arguments, said in (
        (("flags", "set", "nonsense", "true"), "declared are: bff_backoffice_enabled"),
        (("flags", "set", "ai_assist_enabled", "perhaps"), "send true or false"),
        (
            ("floors", "set", "windows", "stable", "--advise", "2.0.0", "--latest", "1.0.0"),
            "clients can fetch 1.0.0",
        ),
        (("floors", "set", "amiga", "stable", "--advise", "2.0.0"), "platform"),
    ):
        refused = run(live_stack, *arguments, "--reason", "x")
        assert refused.returncode == 1
        assert said in " ".join(refused.stderr.split()), refused.stderr


async def test_every_process_that_watches_is_told(live_stack: Path) -> None:
    async with http_client() as http:

        async def is_told() -> bool:
            part = (await http.get(f"{Stack(live_stack).url('bff')}/readyz")).json()["parts"]["settings"]
            return bool(part["live"] and part["keys"] >= 7)

        await eventually(is_told)
