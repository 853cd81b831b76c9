"""Use cases of flags: look at them, set one, clear one."""

from datetime import datetime
from typing import Any
from uuid import UUID

from chassis import outbox
from chassis.db import ReadTx, Tx
from contracts.flags import DECLARED, FLAGS, Flag, Value, effective
from contracts.registry import FlagChangedV1
from services.registry.actors import actor
from services.registry.errors import FlagNotSet, FlagScopeWrong, FlagUnknown, FlagValueWrong
from services.registry.flags import store
from services.registry.flags.store import queries
from services.registry.tenants import store as tenants
from services.registry.versions import newest_of

TOLD = ("reason", "changed_by", "changed_at")


def declared(name: str) -> Flag:
    """Raises FlagUnknown, which names those that there are."""
    if name not in FLAGS:
        raise FlagUnknown(
            f"there is no flag {name!r}",
            errors=[
                {"parameter": "name", "code": "undeclared", "detail": f"declared are: {', '.join(FLAGS)}"}
            ],
            fix="choose one of the declared flags; a new one is declared in contracts/flags.py",
        )
    return FLAGS[name]


async def in_scope(tx: ReadTx, flag: Flag, tenant_id: UUID | None) -> None:
    """Raises FlagScopeWrong for a tenant's value of a flag of the platform, TenantNotFound."""
    if tenant_id is None:
        return
    if flag.scope == "platform":
        fault = {
            "parameter": "tenant_id",
            "code": "platform_only",
            "detail": "this flag has one value for all",
        }
        raise FlagScopeWrong(
            f"{flag.name} is the platform's; no tenant has its own",
            errors=[fault],
            fix="leave `tenant_id` out",
        )
    await tenants.tenant(tx, tenant_id)


def refuse_wrong(flag: Flag, value: object) -> None:
    """Raises FlagValueWrong with the place and what would be right."""
    if (fault := flag.fault_in(value)) is not None:
        raise FlagValueWrong(
            f"{flag.name}: {fault}",
            errors=[{"pointer": "/value", "code": f"not_{flag.kind}", "detail": fault}],
        )


def shown(flag: Flag, tenant_id: UUID | None, rows: dict[Any, dict[str, Any]]) -> dict[str, Any]:
    """A flag as it is set in this scope and as it works there."""
    own, platform = rows.get((flag.name, tenant_id)), rows.get((flag.name, None))
    values = [row["value"] if row else None for row in (own, platform)]
    sources = ["tenant" if tenant_id else "platform", "platform"]
    told = {name: own[name] if own else None for name in TOLD}
    return {
        "name": flag.name,
        "tenant_id": tenant_id,
        "kind": flag.kind,
        "scope": flag.scope,
        "about": flag.about,
        "default": flag.default,
        "value": values[0],
        "effective": effective(flag, values),
        "source": next(
            (source for source, value in zip(sources, values, strict=True) if value is not None), "default"
        ),
        **told,
        "row_version": own["row_version"] if own else 0,
    }


async def show(tx: ReadTx, name: str, tenant_id: UUID | None) -> dict[str, Any]:
    """Raises FlagUnknown, FlagScopeWrong, TenantNotFound."""
    flag = declared(name)
    await in_scope(tx, flag, tenant_id)
    return shown(flag, tenant_id, await store.rows_of(tx, tenant_id))


async def show_all(tx: ReadTx, tenant_id: UUID | None) -> list[dict[str, Any]]:
    """Every declared flag, as it works in this scope; for a tenant those of the platform too. Raises TenantNotFound."""
    if tenant_id is not None:
        await tenants.tenant(tx, tenant_id)
    rows = await store.rows_of(tx, tenant_id)
    return [shown(flag, tenant_id if flag.scope == "tenant" else None, rows) for flag in DECLARED]


async def lock(tx: Tx, name: str, tenant_id: UUID | None, now: datetime) -> int:
    """The flag's version in this scope (0: never set), locked until the transaction ends. Raises as `show`."""
    await in_scope(tx, declared(name), tenant_id)
    version: int = await queries.lock_flag(
        tx, name=name, tenant_id=tenant_id, changed_by=actor(), changed_at=now
    )
    return version


async def change(
    tx: Tx, name: str, tenant_id: UUID | None, value: Value | None, reason: str, now: datetime
) -> None:
    """Set a locked flag, or clear it (None). Raises FlagValueWrong, FlagNotSet."""
    flag = declared(name)
    if value is not None:
        refuse_wrong(flag, value)
    elif (await store.rows_of(tx, tenant_id))[(name, tenant_id)]["value"] is None:
        raise FlagNotSet(f"{name} is not set here; there is nothing to clear")
    version = await queries.change_flag(
        tx,
        name=name,
        tenant_id=tenant_id,
        value=value,
        reason=reason,
        changed_by=actor(),
        changed_at=now,
        newest=newest_of(now),
    )
    event = FlagChangedV1(tenant_id=tenant_id, name=name, value=value)
    await outbox.add(tx, event, aggregate_version=version)
