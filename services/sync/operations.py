"""Push: each action once, in order, its number advancing in the transaction of its effect. Pull: changes after a cursor."""

from datetime import datetime
from pathlib import Path
from typing import Any

from chassis import outbox
from chassis.db import ReadTx, Tx, load_queries
from chassis.ids import uuid7
from contracts.sync import ActionAppliedV1, ActionRejectedV1, ConflictDetectedV1, Origin, RecordChangedV1
from services.sync.errors import CursorExpired, MidGap, ProducerFenced, ScopeRefused, TenantFrozen, at
from services.sync.model import COLLECTION, Cursors, Principal, fault_of, value_hash

queries: Any = load_queries(Path(__file__).with_name("queries.sql"))


async def push(
    tx: Tx, principal: Principal, producer_epoch: int, mutations: list[Any], scope: str, now: datetime
) -> dict[str, Any]:
    """Apply the actions in order. A rejected one never blocks the others; one seen before answers as it did then.

    Raises ScopeRefused, TenantFrozen, ProducerFenced, MidGap.
    """
    await refuse_closed(tx, principal)
    who = {"tenant_id": principal.tenant_id, "device_id": principal.device_id}
    last_mid = last_mid_of(await queries.lock_producer(tx, **who, epoch=producer_epoch), producer_epoch)
    refuse_gaps(mutations, last_mid)
    results = []
    for mutation in mutations:
        if mutation.mid <= last_mid:
            stored = await queries.result_of_mid(tx, **who, epoch=producer_epoch, mid=mutation.mid)
            results.append(stored or {"mid": mutation.mid, "status": "duplicate"})
            continue
        result = await apply(tx, principal, mutation, scope)
        await queries.keep_result(tx, **who, epoch=producer_epoch, mid=mutation.mid, result=result, now=now)
        last_mid = mutation.mid
        results.append(result)
    await queries.move_producer(tx, **who, epoch=producer_epoch, last_mid=last_mid)
    return {"results": results, "last_applied_mid": last_mid}


async def refuse_closed(tx: Tx, principal: Principal) -> None:
    """Raises TenantFrozen, and ScopeRefused for a tenant of which nothing may be left."""
    await queries.join_work_of_tenant(tx, tenant_id=principal.tenant_id)
    status = await queries.tenant_status(tx, tenant_id=principal.tenant_id)
    if status == "frozen":
        raise TenantFrozen("the tenant is frozen: it can read and not write")
    if status in {"archived", "deleted"}:
        raise ScopeRefused(**at("/scope", "gone", f"the tenant is {status}"))


def last_mid_of(known: Any, producer_epoch: int) -> int:
    """The last number applied within the epoch that the device names. Raises ProducerFenced."""
    if producer_epoch < known["epoch"]:
        told = f"{known['epoch']} has taken over from {producer_epoch}"
        raise ProducerFenced(**at("/producer_epoch", "fenced", told))
    return int(known["last_mid"]) if producer_epoch == known["epoch"] else 0


def refuse_gaps(mutations: list[Any], last_mid: int) -> None:
    """Before anything is applied, so that the number named is the one that the server waits for. Raises MidGap."""
    reached = last_mid
    for place, mutation in enumerate(mutations):
        if mutation.mid > reached + 1:
            told = f"{mutation.mid} came, {reached + 1} is missing; nothing was applied"
            raise MidGap(**at(f"/mutations/{place}/mid", "gap", told), expected_mid=last_mid + 1)
        reached = max(reached, mutation.mid)


async def apply(tx: Tx, principal: Principal, mutation: Any, scope: str) -> dict[str, Any]:
    """One action: applied, merged with what changed meanwhile (last writer wins, field by field), or rejected."""
    if (fault := refusal_of(mutation)) is not None:
        return await reject(tx, principal, mutation, fault)
    place = place_of(principal, scope)
    # The counter's row is the scope's lock; it is taken before the record is read.
    seq = await queries.next_seq(tx, **place)
    current = await queries.record_by_key(tx, **place, key=mutation.key)
    version = (current["version"] if current else 0) + 1
    theirs = dict(current["value"]) if current and not current["is_deleted"] else {}
    is_deleted = mutation.type == "delete"
    value = {} if is_deleted else {**theirs, **mutation.args}
    origin = {"device_id": str(principal.device_id), "mid": mutation.mid}
    await queries.put_record(
        tx,
        **place,
        key=mutation.key,
        version=version,
        seq=seq,
        is_deleted=is_deleted,
        value=value,
        origin=origin,
    )
    await say_changed(tx, principal, mutation, scope, version=version, seq=seq, value=value)
    result: dict[str, Any] = {"mid": mutation.mid, "status": "applied", "version": version}
    if is_conflict(current, mutation, principal):
        conflict = await say_conflict(tx, principal, mutation)
        result["status"] = "conflict"
        result["conflict"] = {
            "id": conflict,
            "policy": "lww_diff",
            "base": mutation.base_version,
            "theirs": {"version": current["version"], "value": theirs},
            "fields": sorted(mutation.args),
            "outcome": "merged",
            "merged_version": version,
        }
    applied = ActionAppliedV1(
        tenant_id=principal.tenant_id,
        device_id=principal.device_id,
        mid=mutation.mid,
        collection=COLLECTION,
        key=mutation.key,
        version=version,
    )
    await outbox.add(tx, applied, aggregate_version=mutation.mid)
    return result


def is_conflict(current: Any, mutation: Any, principal: Principal) -> bool:
    """Whether somebody else changed the record since. A device that acted twice on one version knew of its first action,
    whose own answer told what others had done.
    """
    if current is None or mutation.base_version is None or mutation.base_version >= current["version"]:
        return False
    return bool((current["origin"] or {}).get("device_id") != str(principal.device_id))


def refusal_of(mutation: Any) -> str | None:
    if mutation.collection != COLLECTION:
        return f"/collection: {mutation.collection!r} is not synchronised; {COLLECTION} is"
    return None if mutation.type == "delete" else fault_of(mutation.args)


async def reject(tx: Tx, principal: Principal, mutation: Any, detail: str) -> dict[str, Any]:
    code = "SYNC.MUTATION_INVALID"
    rejected = ActionRejectedV1(
        tenant_id=principal.tenant_id,
        device_id=principal.device_id,
        mid=mutation.mid,
        collection=mutation.collection,
        key=mutation.key,
        code=code,
    )
    await outbox.add(tx, rejected, aggregate_version=mutation.mid)
    return {"mid": mutation.mid, "status": "rejected", "code": code, "detail": detail}


async def say_changed(
    tx: Tx, principal: Principal, mutation: Any, scope: str, *, version: int, seq: int, value: dict[str, Any]
) -> None:
    is_deleted = mutation.type == "delete"
    changed = RecordChangedV1(
        tenant_id=principal.tenant_id,
        record_id=f"{COLLECTION}/{scope}/{mutation.key}",
        collection=COLLECTION,
        scope=scope,
        key=mutation.key,
        version=version,
        seq=seq,
        op="delete" if is_deleted else "put",
        value_hash="" if is_deleted else value_hash(value),
        origin=Origin(device_id=principal.device_id, mid=mutation.mid),
    )
    await outbox.add(tx, changed, aggregate_version=version)


async def say_conflict(tx: Tx, principal: Principal, mutation: Any) -> str:
    conflict_id = uuid7()
    detected = ConflictDetectedV1(
        tenant_id=principal.tenant_id,
        conflict_id=conflict_id,
        collection=COLLECTION,
        key=mutation.key,
        policy="lww_diff",
        outcome="merged",
    )
    await outbox.add(tx, detected, aggregate_version=1)
    return str(conflict_id)


async def last_applied(tx: ReadTx, principal: Principal, producer_epoch: int) -> int:
    """The number of the last action that the server has of this producer; 0 for none. Raises ProducerFenced."""
    known = await queries.producer(tx, tenant_id=principal.tenant_id, device_id=principal.device_id)
    return last_mid_of(known, producer_epoch) if known else 0


async def standing(
    tx: ReadTx, principal: Principal, cursors: Cursors, scope: str, cursor: str | None, pointer: str
) -> dict[str, Any]:
    """How far the server is in a scope, and the device's cursor if it can go on from there, else none.

    Raises ScopeRefused, CursorInvalid.
    """
    principal.property_of(scope, f"{pointer}/scope")
    head = await queries.head(tx, **place_of(principal, scope))
    try:
        position(principal, cursors, scope, cursor, head, f"{pointer}/cursor")
    except CursorExpired:
        cursor = None
    return {"scope": scope, "cursor": cursor, "head": head}


def position(
    principal: Principal,
    cursors: Cursors,
    scope: str,
    cursor: str | None,
    head: int,
    pointer: str = "/cursor",
) -> int:
    """The sequence at which the cursor stands. Raises CursorInvalid, CursorExpired."""
    seq = cursors.read(principal, scope, cursor, pointer)
    if seq > head:
        raise CursorExpired(**at(pointer, "expired", "ahead of the server; pull again without one"))
    return seq


def place_of(principal: Principal, scope: str) -> dict[str, Any]:
    """What a change log is kept for."""
    return {"tenant_id": principal.tenant_id, "scope": scope, "collection": COLLECTION}


async def pull(
    tx: ReadTx, principal: Principal, cursors: Cursors, scope: str, cursor: str | None, limit: int
) -> dict[str, Any]:
    """A page of the last state of what changed after the cursor. Raises CursorInvalid, CursorExpired."""
    place = place_of(principal, scope)
    head = await queries.head(tx, **place)
    seq = position(principal, cursors, scope, cursor, head)
    rows = [row async for row in queries.changes_after(tx, **place, seq=seq, most=limit)]
    more = len(rows) == limit
    reached = rows[-1]["seq"] if more else head
    page = {
        "changes": [change_of(row) for row in rows],
        "next": cursors.make(principal, scope, reached),
        "head": head,
        "more": more,
    }
    if not more:
        page["checkpoint"] = {"seq": head, "count": await queries.count_records(tx, **place)}
    return page


def change_of(row: Any) -> dict[str, Any]:
    told = {"collection": COLLECTION, "key": row["key"], "version": row["version"], "seq": row["seq"]}
    if row["is_deleted"]:
        return {"op": "delete", **told}
    return {"op": "put", **told, "value": row["value"], "origin": row["origin"]}
