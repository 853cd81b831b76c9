"""Gaps and halts of lock actions from the command line, on a whole running stack."""

import json
import uuid
from pathlib import Path

import pytest

from tenantry.stack.stack import Stack
from tests.shell import Shell
from tests.system.test_capabilities import new_tenant

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("stack")]


async def test_a_halt_is_resumed_for_a_tenant_by_two_operators(shell: Shell, live_stack: Path) -> None:
    tenant = await new_tenant(Stack(live_stack))
    incident = f"INC-{uuid.uuid4().hex[:6]}"
    done = shell.run("audit", "locks", "halt", "--reason", "a drill", "--yes")
    assert done.returncode == 0, done.stderr
    resume = ("audit", "locks", "resume", tenant, "--incident", incident)
    assert "another operator" in shell.run(*resume, "--as", "first-operator").stdout
    alone = shell.run(*resume, "--as", "first-operator")
    assert alone.returncode == 1
    assert "AUDIT.SECOND_OPERATOR_NEEDED" in alone.stderr
    assert "resumed" in shell.run(*resume, "--as", "second-operator").stdout
    shown = json.loads(shell.run("audit", "locks", "status", "--json").stdout)
    assert any(row["resumed"] for row in shown)


def test_there_are_no_gaps_in_a_stack_that_runs(shell: Shell) -> None:
    assert json.loads(shell.run("audit", "gaps", "--json").stdout) == []
