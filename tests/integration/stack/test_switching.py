"""Flags and floors from the command line, on a stack that is up."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from tenantry.stack.stack import Stack
from tests.infra import eventually
from tests.shell import Shell

pytestmark = [pytest.mark.timeout(180), pytest.mark.xdist_group("stack")]


def flag(shell: Shell, name: str) -> Any:
    return next(row for row in shell.json("flags", "list") if row["name"] == name)


def test_a_flag_is_set_listed_told_of_and_cleared(shell: Shell) -> None:
    [row] = shell.json("flags", "set", "mfa_scope_threshold", "3", "--reason", "audit")
    assert (row["value"], row["effective"]) == (3, 3)
    assert flag(shell, "mfa_scope_threshold")["source"] == "platform"
    shell.json("flags", "clear", "mfa_scope_threshold", "--reason", "over")
    changes = shell.json("flags", "history", "mfa_scope_threshold")
    assert [(change["value"], change["reason"]) for change in changes[:2]] == [(None, "over"), (3, "audit")]
    assert "mfa_scope_threshold" in shell.run("flags", "list").stdout


def test_what_keeps_desktops_out_is_asked_for_and_not_done_without_an_answer(shell: Shell) -> None:
    asked = shell.run("flags", "set", "bff_backoffice_enabled", "false", "--reason", "drill")
    assert asked.returncode == 1
    assert "for the whole platform?" in asked.stderr
    assert flag(shell, "bff_backoffice_enabled")["effective"] is True
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
    asked = shell.run(*floor)
    assert (asked.returncode, "At most 0 devices" in asked.stderr) == (1, True)
    assert shell.json("floors", "list") == []
    [row] = shell.json(*floor, "--yes")
    assert row["enforce"] == "1.0.0"
    shell.json("floors", "clear", "windows", "beta", "--reason", "over")
    assert [row["reason"] for row in shell.json("floors", "history", "windows", "beta")] == [
        "over",
        "drill",
    ]


def test_a_mistake_is_told_with_its_place_and_its_cure(shell: Shell) -> None:
    for arguments, said in (
        (("flags", "set", "nonsense", "true"), "declared are: bff_backoffice_enabled"),
        (("flags", "set", "ai_assist_enabled", "perhaps"), "send true or false"),
        (
            ("floors", "set", "windows", "stable", "--advise", "2.0.0", "--latest", "1.0.0"),
            "clients can fetch 1.0.0",
        ),
        (("floors", "set", "amiga", "stable", "--advise", "2.0.0"), "platform"),
    ):
        assert said in shell.refused(*arguments, "--reason", "x")


async def test_every_process_that_watches_is_told(live_stack: Path) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:

        async def is_told() -> bool:
            part = (await http.get(f"{Stack(live_stack).url('bff')}/readyz")).json()["parts"]["settings"]
            return bool(part["live"] and part["keys"] >= 7)

        await eventually(is_told)
