"""Tenants, properties and devices that share a server do not see, number or fence each other."""

import asyncpg

from chassis.db import Database
from tests.integration.sync.desk import Desk, put, refused

AIRPORT = "airport"


async def test_equal_keys_of_two_tenants_are_two_records(desk: Desk, stranger: Desk) -> None:
    await desk.push(put(1, args={"text": "ours"}))
    await stranger.push(put(1, args={"text": "theirs"}), put(2))
    assert await desk.replica() == {"a": (1, {"text": "ours"})}
    assert (await desk.page())["head"] == 1
    assert (await stranger.page())["head"] == 2


async def test_another_tenants_record_cannot_be_written(desk: Desk, stranger: Desk) -> None:
    await stranger.push(put(1, args={"text": "theirs"}))
    body = {"scope": stranger.scope, "producer_epoch": 1, "mutations": [put(1)]}
    refused(await desk.ask("push", body), 404, "SYNC.SCOPE_REFUSED", "/scope")
    assert await stranger.replica() == {"a": (1, {"text": "theirs"})}
    assert (await desk.shake())["last_applied_mid"] == 0


async def test_a_property_out_of_scope_can_be_neither_read_nor_written(desk: Desk) -> None:
    await desk.push(put(1))
    other = desk.colleague()
    other.properties = [AIRPORT]
    refused(await other.send([put(1)]), 404, "SYNC.SCOPE_REFUSED", "/scope")
    refused(await other.ask("pull", {"scope": desk.scope}), 404, "SYNC.SCOPE_REFUSED", "/scope")
    asked = other.handshake(scopes=[{"scope": f"{desk.tenant_id}/{AIRPORT}"}, {"scope": desk.scope}])
    refused(await other.ask("handshake", asked), 404, "SYNC.SCOPE_REFUSED", "/scopes/1/scope")


async def test_the_same_device_id_in_two_tenants_is_two_producers(desk: Desk, stranger: Desk) -> None:
    stranger.device_id = desk.device_id
    await desk.push(put(1), epoch=5)
    assert (await stranger.push(put(1), epoch=1))[0]["status"] == "applied"
    assert (await stranger.shake())["last_applied_mid"] == 1


async def test_row_level_security_hides_what_a_forgotten_condition_would_show(
    desk: Desk, stranger: Desk, sync_database: Database
) -> None:
    await desk.push(put(1))
    await stranger.push(put(1))
    for table in ("record", "producer", "action_result", "scope_counter"):
        async with sync_database.reading(desk.tenant_id) as tx:
            owners = await tx.fetch(f"select distinct tenant_id from {table}")  # noqa: S608  # a name from above
        assert [row["tenant_id"] for row in owners] == [desk.tenant_id]


async def test_events_on_the_outbox_are_thin(desk: Desk, admin: asyncpg.Connection) -> None:
    """Ids, versions and hashes: neither values nor what was refused, nor who the member is by name."""
    secret = "Mrs Example, allergic to nuts"
    await desk.push(put(1, args={"text": secret}))
    other = desk.colleague()
    await other.push(put(1, args={"text": secret * 2, "done": True}, base_version=1))
    await desk.push(
        put(2, args={"text": secret, "done": False}, base_version=1), put(3, args={"spy": secret})
    )
    rows = await admin.fetch("select subject, headers, payload from sync.outbox order by id")
    assert {row["subject"] for row in rows} == {
        "sync.record.changed.v1",
        "sync.action.applied.v1",
        "sync.action.rejected.v1",
        "sync.conflict.detected.v1",
    }
    for row in rows:
        said = f"{row['headers']} {bytes(row['payload'])!r}"
        assert "Example" not in said
        assert "spy" not in said
