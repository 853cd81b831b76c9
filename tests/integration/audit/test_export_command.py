"""`tenantry audit export` and `tenantry audit holds`, on a running service."""

import json
import zipfile
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from typer.testing import CliRunner

from chassis.ids import uuid7
from tenantry.cli import app
from tenantry.commands import running
from tenantry.commands.asking import Operator, of
from tenantry.commands.audit.export import exported, instant
from tenantry.stack.errors import StackError
from tests.integration.audit.stage import Log
from tests.integration.audit.test_exports import NOW
from tests.integration.audit.test_verify import Installation
from tests.integration.audit.tokens import TestIssuer
from tests.integration.chassis.numbered_events import numbered

WHY = "asked for by the tenant"


@pytest.fixture
async def tenant(
    audit: httpx.AsyncClient, issuer: TestIssuer, log: Log, monkeypatch: pytest.MonkeyPatch
) -> UUID:
    """With three records, in the installation that the commands look at."""

    async def token(*_: object) -> str:
        return issuer.operator()["Authorization"].removeprefix("Bearer ")

    monkeypatch.setattr(running, "stack", lambda: Installation(str(audit.base_url)))
    monkeypatch.setattr(running, "operator_token", token)
    tenant = uuid7()
    await log.append([numbered(n, tenant=tenant) for n in range(1, 4)], NOW)
    return tenant


async def test_an_export_is_followed_and_saved_whole(tenant: UUID, tmp_path: Path) -> None:
    found = await exported(tenant, {"filter": {"action": "registry.*"}, "reason": WHY}, "fr", tmp_path)
    saved = Path(found["saved"])
    assert (found["records"], found["language"]) == (3, "fr")
    assert saved.stat().st_size == found["bytes"]
    with zipfile.ZipFile(saved) as archive:
        assert json.loads(archive.read("manifest.json"))["records"] == 3
    assert not list(tmp_path.glob("*.part"))


async def test_a_refusal_is_told(tenant: UUID, tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"AUDIT\.RANGE_EMPTY"):
        await exported(tenant, {"received_from": "2100-01-01T00:00:00Z", "reason": WHY}, "en", tmp_path)


async def test_a_file_that_cannot_be_saved_is_told(tenant: UUID, tmp_path: Path) -> None:
    with pytest.raises(StackError, match="cannot be fetched"):
        await exported(tenant, {"reason": WHY}, "en", tmp_path / "nowhere" / "a.zip")


async def test_a_hold_is_placed_and_released_as_the_command_does(tenant: UUID) -> None:
    audit, place = Operator("audit"), f"{of(tenant)}/audit/holds"
    placed = await audit.change("POST", place, {"reason": "a lawsuit"})
    await audit.change("DELETE", f"{place}/{placed['hold_id']}", reason="settled")
    [hold] = await audit.pages(place, "holds", 10)
    assert (hold["reason"], hold["release_reason"]) == ("a lawsuit", "settled")


def test_the_commands_tell_their_options() -> None:
    for command, option in (("export", "--since"), ("holds", "release")):
        told = CliRunner().invoke(app, ["audit", command, "--help"])
        assert told.exit_code == 0
        assert option in told.output


def test_a_day_begins_in_utc() -> None:
    assert instant(NOW.replace(tzinfo=None)) == "2026-01-01T00:00:00Z"
    assert instant(NOW) == "2026-01-01T00:00:00+00:00"
    assert instant(None) is None
