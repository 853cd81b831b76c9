"""Use cases of properties: add, change, remove what nobody uses."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from chassis.db import Tx
from chassis.ids import uuid7
from services.registry.errors import PropertyInUse, PropertyTaken
from services.registry.properties.store import queries


async def add(tx: Tx, tenant_id: UUID, code: str, name: str, time_zone: str, now: datetime) -> None:
    """The tenant is locked. Raises PropertyTaken."""
    version = await queries.add_property(
        tx,
        tenant_id=tenant_id,
        property_id=uuid7(),
        code=code,
        name=name,
        time_zone=time_zone,
        created_at=now,
    )
    if version is None:
        raise PropertyTaken(f"the tenant has a property {code!r}")


async def change(tx: Tx, row: Mapping[str, Any], name: str | None, time_zone: str | None) -> None:
    """The tenant is locked. What is None stays."""
    await queries.change_property(
        tx,
        tenant_id=row["tenant_id"],
        code=row["code"],
        name=name or row["name"],
        time_zone=time_zone or row["time_zone"],
    )


async def remove(tx: Tx, row: Mapping[str, Any]) -> None:
    """The tenant is locked, so that nobody is given scope there meanwhile. Raises PropertyInUse."""
    place = {"tenant_id": row["tenant_id"], "code": row["code"]}
    uses = dict(await queries.uses_of_property(tx, **place))
    if any(uses.values()):
        raise PropertyInUse(
            f"{uses['members']} members work there and {uses['devices']} devices stand there; move them first",
            french=f"{uses['members']} membres y travaillent et {uses['devices']} appareils s'y trouvent ;"
            " déplacez-les d'abord",
            **uses,
        )
    await queries.remove_property(tx, **place)
