"""The first screen's facts: read in one snapshot behind a cursor that was taken before.

Nothing of it comes from the token or from what the door saw: both are older than the cursor, and what changed in between
would be neither in the answer nor in the stream behind the cursor. Every fact says its version, so that an event which is
in both is applied once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from uuid import UUID

from chassis.db import Database, ReadTx, Tx
from services.bff.bootstrap.store import queries
from services.bff.directory import Directory, RegistryUnavailable
from services.bff.door import Guest, deactivated
from services.bff.errors import TenantDisabled
from services.bff.projector import queries as directory


@dataclass(frozen=True, slots=True)
class Facts:
    """Rows of the directory about a tenant and one of its members."""

    tenant: Mapping[str, Any]
    member: Mapping[str, Any]


async def read(tx: ReadTx, guest: Guest) -> Facts | None:
    """None where the directory does not know all of it. Raises MemberDeactivated."""
    tenant = await queries.tenant_shown(tx, tenant_id=guest.tenant_id)
    member = await queries.member_shown(tx, tenant_id=guest.tenant_id, member_id=guest.member_id)
    if member is not None and member["is_deactivated"]:
        raise deactivated()
    return None if tenant is None or member is None else Facts(tenant, member)


async def learn(database: Database, registry: Directory, guest: Guest) -> None:
    """Ask the registry, once, and keep it as its events would have: newer facts stay.

    Raises RegistryUnavailable while it is down, TenantDisabled for a tenant that it does not know, MemberDeactivated.
    """
    base = f"/internal/v1/directory/tenants/{guest.tenant_id}"
    tenant = await registry.ask(base)
    if tenant is None:
        raise TenantDisabled("this tenant may not come in now")
    member = await registry.ask(f"{base}/members/{quote(guest.member_id, safe='')}")
    if member is not None and not member["is_active"]:
        raise deactivated()  # not kept: the event that says it must be news, for it ends what is open
    try:
        async with database.transaction(guest.tenant_id) as tx:
            await keep_tenant(tx, guest.tenant_id, tenant)
            await keep_member(tx, guest, member)
    except KeyError as error:
        raise RegistryUnavailable(f"the registry answered without {error}") from error


async def keep_tenant(tx: Tx, tenant_id: UUID, found: Mapping[str, Any]) -> None:
    names = {name: found[name] for name in ("slug", "name", "locale", "time_zone")}
    told = {"tenant_id": tenant_id, "aggregate_version": found["row_version"]}
    await directory.know_tenant_names(tx, tenant_id=tenant_id, **names)
    await directory.know_tenant(tx, **told, status=found["status"])
    await directory.know_entitlements(
        tx, **told, plan=found["plan"], ent_v=found["ent_v"], products=sorted(found["products"])
    )


async def keep_member(tx: Tx, guest: Guest, found: Mapping[str, Any] | None) -> None:
    """Somebody of whom the registry knows nothing has no scope, until it says otherwise."""
    known = found or {"backoffice_roles": [], "properties": [], "row_version": 0}
    await directory.know_member(
        tx,
        tenant_id=guest.tenant_id,
        member_id=guest.member_id,
        backoffice_roles=known["backoffice_roles"],
        properties=known["properties"],
        is_deactivated=False,
        aggregate_version=known["row_version"],
    )
