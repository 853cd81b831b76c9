"""An open stream ends when what it was opened for ends: the scope, the device, the tenant."""

from datetime import UTC, datetime

import httpx
import pytest

from chassis.db import Database
from contracts.envelope import Message
from contracts.event import Event
from contracts.registry import (
    DeviceRevokedV1,
    MemberDeactivatedV1,
    MemberScopeChangedV1,
    TenantArchivedV1,
)
from services.bff.projector import project
from tests.integration.bff.conftest import NewDesk
from tests.integration.bff.desk import Desk, envelope_of
from tests.integration.bff.feed import ids, say
from tests.integration.bff.line import connected
from tests.integration.bff.stage import Bff


async def hear(database: Database, event: Event) -> None:
    """As the inbox does: the directory and the feed in one transaction."""
    async with database.worker() as tx:
        await project(tx, [Message(envelope_of(event, 2), event.data())])


async def test_a_changed_scope_ends_the_stream_and_the_next_one_hears_what_the_new_scope_says(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk, bff_data: Database
) -> None:
    desk = await new_desk(properties=("harbour",))
    beside = await new_desk(tenant_id=desk.tenant_id)
    moved = MemberScopeChangedV1(
        tenant_id=desk.tenant_id, member_id=desk.member_id, backoffice_roles=(), properties=("airport",)
    )
    async with connected(http, desk, large) as line, connected(http, beside, large) as other:
        await line.opened()
        await other.opened()
        await hear(bff_data, moved)
        await line.ended()
        assert len(line.events) == len(line.said("resync")) == 1
        said = await say(bff_data, desk.tenant_id, ["p.harbour", "p.airport", "all"])
        assert ids(await other.got(2)) == [said[0], said[2]]
    async with connected(http, desk, large, line.cursor) as again:
        assert ids(await again.got(2)) == said[1:]


def revoked(desk: Desk) -> Event:
    return DeviceRevokedV1(tenant_id=desk.tenant_id, device_id=desk.device_id, jkt=desk.jkt, reason="stolen")


def archived(desk: Desk) -> Event:
    now = datetime.now(UTC)
    return TenantArchivedV1(tenant_id=desk.tenant_id, archived_at=now, delete_at=now)


def deactivated(desk: Desk) -> Event:
    return MemberDeactivatedV1(tenant_id=desk.tenant_id, member_id=desk.member_id)


@pytest.mark.parametrize(
    ("what", "word"),
    [(revoked, "session.revoked"), (deactivated, "session.revoked"), (archived, "tenant.disabled")],
)
async def test_who_lost_the_right_to_be_here_hears_no_more_and_does_not_come_back(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk, bff_data: Database, what: object, word: str
) -> None:
    desk = await new_desk()
    async with connected(http, desk, large) as line:
        await line.opened()
        assert callable(what)
        await hear(bff_data, what(desk))
        await line.ended()
        await say(bff_data, desk.tenant_id, ["all"])
        assert len(line.said(word)) == 1
        assert len(line.events) == 1
    async with connected(http, desk, large, line.cursor) as again:
        await again.ended()
        assert again.status == 403
