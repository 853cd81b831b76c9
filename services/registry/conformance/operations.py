"""Use cases of conformance: claim a product for a probe, store what was found, say when the verdict changes."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from chassis import outbox
from chassis.db import ReadTx, Tx, rows
from contracts.registry import ProductConformanceChangedV1
from services.registry.catalogue.manifest import manifest_of
from services.registry.catalogue.store import queries as catalogue
from services.registry.conformance.probe import LIMIT_SECONDS, Report
from services.registry.conformance.store import queries
from services.registry.errors import ProbeRunning, ProductNotConnected, ProductNotFound
from services.registry.products.client import Product, connected

CLAIM = timedelta(seconds=3 * LIMIT_SECONDS)
"""So long nobody else probes; who takes longer is overtaken, and what it found is not stored."""
RETRY = timedelta(seconds=5)
KEPT_CHECKS = 200
SHOWN_CHECKS = 20


@dataclass(frozen=True, slots=True)
class Claim:
    """A probe that only its holder may conclude."""

    check_id: UUID
    product: Product
    actions: tuple[str, ...]
    version: str
    checksum: str


async def claim(tx: Tx, key: str, check_id: UUID, now: datetime) -> Claim:
    """Raises ProductNotFound, ProductNotConnected, ProbeRunning."""
    row = await catalogue.product_by_key(tx, key=key)
    if row is None:
        raise ProductNotFound(f"the catalogue has no product {key!r}")
    if row["status"] == "retired":
        raise ProductNotConnected(f"{key} has left the catalogue")
    manifest = manifest_of(row)
    product = connected(manifest)
    await queries.ensure_conformance(tx, key=key, now=now)
    if await queries.lock_free_probe(tx, key=key, now=now) is None:
        raise ProbeRunning(f"{key} is being probed; look again in a moment", headers={"Retry-After": "5"})
    await queries.claim_probe(tx, key=key, claim_id=check_id, until=now + CLAIM)
    actions = tuple(action.key for action in manifest.actions)
    return Claim(check_id, product, actions, row["version"], row["checksum"])


async def release(tx: Tx, held: Claim, now: datetime) -> None:
    """Without a verdict: the probe itself could not be made."""
    await queries.release_probe(tx, key=held.product.key, claim_id=held.check_id, until=now + RETRY)


async def conclude(tx: Tx, held: Claim, report: Report, now: datetime, every: timedelta) -> bool:
    """Store what was found, and say it where the verdict is another; False, and nothing, for one who was overtaken."""
    key = held.product.key
    before = await queries.lock_claimed_probe(tx, key=key, claim_id=held.check_id)
    if before is None:
        return False
    is_changed = before["verdict"] != report.verdict
    await queries.add_check(
        tx,
        check_id=held.check_id,
        key=key,
        version=held.version,
        verdict=report.verdict,
        findings=[asdict(one) for one in report.findings],
        checked_at=now,
    )
    await queries.forget_checks(tx, key=key, kept=KEPT_CHECKS)
    await queries.conclude_probe(
        tx,
        key=key,
        verdict=report.verdict,
        checksum=held.checksum,
        changed_at=now if is_changed else before["changed_at"],
        due_at=now + every,
        row_version=before["row_version"] + 1,
    )
    if is_changed:
        changed = ProductConformanceChangedV1(
            key=key,
            version=held.version,
            verdict=report.verdict,
            previous=before["verdict"],
            failed=report.failed,
            check_id=held.check_id,
            checked_at=now,
        )
        await outbox.add(tx, changed, aggregate_version=before["row_version"] + 1)
    return True


async def show(tx: ReadTx, key: str, now: datetime) -> dict[str, Any]:
    """The verdict in force with what it stands on, and those before it. Raises ProductNotFound."""
    if await catalogue.product_by_key(tx, key=key) is None:
        raise ProductNotFound(f"the catalogue has no product {key!r}")
    state: Mapping[str, Any] = await queries.conformance_of(tx, key=key) or {}
    history = await rows(queries.checks_of(tx, key=key, most=SHOWN_CHECKS))
    until = state.get("claimed_until")
    return {
        "product": key,
        "verdict": state.get("verdict"),
        "changed_at": state.get("changed_at"),
        "due_at": state.get("due_at"),
        "is_running": until is not None and until > now,
        "findings": history[0]["findings"] if history else [],
        "history": [summary(check) for check in history],
    }


def summary(check: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "check_id": str(check["check_id"]),
        "checked_at": check["checked_at"],
        "version": check["version"],
        "verdict": check["verdict"],
        "failed": [one["check"] for one in check["findings"] if not one["held"]],
    }
