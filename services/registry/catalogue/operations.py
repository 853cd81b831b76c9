"""Use cases of the catalogue: publish a manifest, retire a product."""

from datetime import datetime

from chassis import outbox
from chassis.db import Tx
from contracts.registry import ProductPublishedV1, ProductRetiredV1
from services.registry.catalogue.manifest import Manifest, breaking_changes, manifest_of, version_of
from services.registry.catalogue.store import queries
from services.registry.errors import BreakingManifest, ProductNotFound, VersionNotNewer


async def offer(tx: Tx, manifest: Manifest, now: datetime) -> None:
    """The manifest is in force from now on. The same one again changes nothing.

    Raises VersionNotNewer, BreakingManifest with what would break.
    """
    known = await queries.lock_product(tx, key=manifest.key)
    if known is not None:
        old = manifest_of(known)
        if (known["checksum"], known["status"]) == (manifest.checksum, "published"):
            return
        if version_of(manifest.version) <= version_of(old.version):
            raise VersionNotNewer(f"version: {old.version} is published; a change needs a higher version")
        broken = breaking_changes(old, manifest)
        if broken and version_of(manifest.version)[0] == version_of(old.version)[0]:
            errors = [
                {
                    "pointer": f"/{what.partition(':')[0].replace('.', '/')}",
                    "code": "breaking",
                    "detail": what,
                }
                for what in broken
            ]
            raise BreakingManifest("these changes need a new major version", errors=errors)
    told = manifest.model_dump(mode="json", exclude_none=True)
    row = {
        "key": manifest.key,
        "version": manifest.version,
        "checksum": manifest.checksum,
        "manifest": told,
        "published_at": now,
    }
    await queries.put_product(tx, **row)
    await queries.keep_version(tx, **row)
    published = ProductPublishedV1(
        key=manifest.key,
        version=manifest.version,
        checksum=manifest.checksum,
        frontend=manifest.frontend.type,
    )
    await outbox.add(tx, published, aggregate_version=version_number(manifest.version))


async def retire(tx: Tx, key: str) -> None:
    """Nobody can buy it any more, and nobody is entitled to it. Raises ProductNotFound. Again: nothing changes."""
    known = await queries.lock_product(tx, key=key)
    if known is None:
        raise ProductNotFound(f"the catalogue has no product {key!r}")
    if known["status"] == "retired":
        return
    await queries.retire_product(tx, key=key)
    retired = ProductRetiredV1(key=key, version=known["version"])
    await outbox.add(tx, retired, aggregate_version=version_number(known["version"]) + 1)


def version_number(version: str) -> int:
    """One number that grows with the version; room for a retirement between two."""
    major, minor, patch = version_of(version)
    return ((major * 1_000_000 + minor) * 1_000_000 + patch) * 2
