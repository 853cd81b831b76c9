"""What a process remembers of who may come in ends with the word about it, in every process, and is never a guess."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import pytest
from joserfc.jwk import ECKey

from chassis.bus import Bus
from chassis.db import Database
from chassis.service_tokens import ServiceTokens
from contracts.envelope import Message
from contracts.event import Event
from contracts.registry import (
    DeviceRevokedV1,
    MemberDeactivatedV1,
    MemberScopeChangedV1,
    TenantArchivedV1,
)
from services.bff.directory import Directory
from services.bff.projector import project
from tests.infra import eventually
from tests.integration.bff.conftest import NewDesk
from tests.integration.bff.desk import Desk, envelope_of
from tests.integration.bff.stage import Bff
from tests.integration.bff.twin_requests import SESSION, asked, learn

Twins = tuple[Bff, Bff]
WITHIN = 2.0
"""The aim is a second; a busy machine gets another one."""


async def hear(database: Database, event: Event, version: int = 2) -> None:
    """As the inbox does: the directory and the feed in one transaction."""
    async with database.worker() as tx:
        await project(tx, [Message(envelope_of(event, version), event.data())])


async def code_of(http: httpx.AsyncClient, bff: Bff, desk: Desk) -> str:
    answer = await asked(desk, "GET", "/bootstrap").to(http, bff)
    return "" if answer.status_code == 200 else str(answer.json()["code"])


async def remember(http: httpx.AsyncClient, twins: Twins, desk: Desk, database: Database) -> None:
    """Both processes answer from memory: a change that nobody was told of is not seen."""
    await learn(http, desk, twins[1])
    for bff in twins:
        assert await code_of(http, bff, desk) == ""
    async with database.worker() as tx:
        changed = "update directory_device set is_revoked = $1 where tenant_id = $2"
        await tx.execute(changed, True, desk.tenant_id)  # SQL's own
    for bff in twins:
        assert await code_of(http, bff, desk) == "", "it remembers nothing"
    async with database.worker() as tx:
        await tx.execute(changed, False, desk.tenant_id)


def revoked(desk: Desk) -> Event:
    return DeviceRevokedV1(tenant_id=desk.tenant_id, device_id=desk.device_id, jkt=desk.jkt, reason="stolen")


def deactivated(desk: Desk) -> Event:
    return MemberDeactivatedV1(tenant_id=desk.tenant_id, member_id=desk.member_id)


def archived(desk: Desk) -> Event:
    now = datetime.now(UTC)
    return TenantArchivedV1(tenant_id=desk.tenant_id, archived_at=now, delete_at=now)


@pytest.mark.parametrize(
    ("what", "code"),
    [
        (revoked, "BFF.DEVICE_UNKNOWN"),
        (deactivated, "BFF.MEMBER_DEACTIVATED"),
        (archived, "BFF.TENANT_DISABLED"),
    ],
)
async def test_a_revocation_is_in_force_in_every_process_within_a_second(
    twins: Twins,
    http: httpx.AsyncClient,
    new_desk: NewDesk,
    bff_data: Database,
    what: Callable[[Desk], Event],
    code: str,
) -> None:
    desk = await new_desk()
    # Of another tenant where the tenant itself goes.
    beside = await new_desk(**({} if what is archived else {"tenant_id": desk.tenant_id}))
    await remember(http, twins, desk, bff_data)
    await learn(http, beside, twins[1])
    await hear(bff_data, what(desk))
    for bff in twins:

        async def is_refused(bff: Bff = bff) -> bool:
            return await code_of(http, bff, desk) == code

        await eventually(is_refused, WITHIN, f"the refusal by {bff.api}")
        assert await code_of(http, bff, beside) == ""


async def test_a_changed_scope_counts_from_the_next_request_on(
    twins: Twins, http: httpx.AsyncClient, new_desk: NewDesk, bff_data: Database
) -> None:
    desk = await new_desk()
    await remember(http, twins, desk, bff_data)
    moved = MemberScopeChangedV1(
        tenant_id=desk.tenant_id, member_id=desk.member_id, backoffice_roles=(), properties=("airport",)
    )
    await hear(bff_data, moved)
    for bff in twins:

        async def is_refused(bff: Bff = bff) -> bool:
            return (await asked(desk, "POST", "/sessions", SESSION).to(http, bff)).status_code == 403

        await eventually(is_refused, WITHIN, "the end of the old scope")
        body = {**SESSION, "property": "airport"}
        request = asked(desk, "POST", "/sessions", body)
        request.headers["Idempotency-Key"] = bff.api
        assert (await request.to(http, bff)).status_code == 201


async def test_who_does_not_hear_the_feed_remembers_nothing(bff_data: Database, new_desk: NewDesk) -> None:
    """Neither before it listens nor after its line was lost; the database is asked each time."""
    desk = await new_desk()
    silent = Bus("bff", "nats://127.0.0.1:1", "")
    key = json.dumps(ECKey.generate_key("P-256").as_dict(private=True))
    directory = Directory(
        bff_data, silent, "http://127.0.0.1:1", ServiceTokens("http://127.0.0.1:1", "bff", key), seconds=30
    )
    who = (desk.tenant_id, desk.jkt, desk.member_id)
    assert (await directory.standing(*who)).is_whole
    assert directory.remembered(*who) is None
    await directory.close()
