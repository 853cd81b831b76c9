"""Flags and floors set as a request sets them, and the bucket as it stands."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from chassis.bucket import Bucket
from chassis.bus import Bus
from chassis.db import Database, ReadTx
from contracts.flags import Value
from contracts.settings import PREFIX, STREAM, Setting
from services.registry.flags import operations as flags
from services.registry.floors import operations as floors
from services.registry.floors.model import Floor
from services.registry.floors.operations import Place
from services.registry.keeper import wanted_of

FLOOR = Floor("4.2.0", "4.0.0", "4.2.0", (), datetime(2026, 3, 1, tzinfo=UTC), None, None, "allow")


async def set_flag(database: Database, name: str, value: Value | None, tenant_id: UUID | None = None) -> None:
    now = datetime.now(UTC)
    async with database.transaction(tenant_id) as tx:
        await flags.lock(tx, name, tenant_id, now)
        await flags.change(tx, name, tenant_id, value, "a test says so", now)


async def set_floor(
    database: Database, platform: str, tenant_id: UUID | None = None, floor: Floor = FLOOR
) -> None:
    now, place = datetime.now(UTC), Place(platform, "stable", tenant_id)
    async with database.transaction(tenant_id) as tx:
        await floors.lock(tx, place, now)
        await floors.put(tx, place, floor, "a test says so", now)


async def in_bucket(bus: Bus) -> dict[str, Setting]:
    """Every key that was not removed."""
    found = await Bucket(bus, STREAM, PREFIX).read()
    return {key: Setting.read(entry.data) for key, entry in found.items() if entry.data is not None}


async def in_tables(database: Database) -> dict[str, Setting]:
    """What the bucket should hold."""
    async with database.platform_reading() as tx:
        return await wanted_of(tx)


async def is_in_line(database: Database, bus: Bus) -> bool:
    return await in_bucket(bus) == await in_tables(database)


async def keep_once(keeper: Any, database: Database) -> None:
    """A pass of a keeper that believes that it leads."""
    connection = await database.dedicated()
    try:
        await keeper.keep(ReadTx(connection, "registry"))
    finally:
        await connection.close()
