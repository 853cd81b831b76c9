"""Use cases of projects: create, rename, archive."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from chassis import outbox
from chassis.db import Tx, rows
from contracts.registry import ProjectArchivedV1, ProjectCreatedV1
from services.registry.actors import actor
from services.registry.api_keys import operations as keys
from services.registry.api_keys.store import queries as key_queries
from services.registry.errors import DefaultStays, ProjectArchived, ProjectTaken
from services.registry.projects.rules import DEFAULT
from services.registry.projects.store import queries


async def create(tx: Tx, tenant_id: UUID, project_id: str, name: str, now: datetime) -> None:
    """The tenant is locked. Raises ProjectTaken, also for one that was archived: ids are not used twice."""
    version = await queries.add_project(
        tx,
        tenant_id=tenant_id,
        project_id=project_id,
        name=name,
        created_at=now,
        created_by=actor(),
    )
    if version is None:
        raise ProjectTaken(f"the tenant has, or had, a project {project_id!r}; choose another id")
    created = ProjectCreatedV1(tenant_id=tenant_id, project_id=project_id, name=name, created_at=now)
    await outbox.add(tx, created, aggregate_version=version)


async def rename(tx: Tx, row: Mapping[str, Any], name: str) -> None:
    """The tenant is locked. Raises ProjectArchived."""
    require_in_use(row)
    await queries.rename_project(tx, tenant_id=row["tenant_id"], project_id=row["project_id"], name=name)


def require_in_use(row: Mapping[str, Any]) -> None:
    """Raises ProjectArchived."""
    if row["archived_at"] is not None:
        raise ProjectArchived("the project is archived; that is for good")


async def archive(tx: Tx, row: Mapping[str, Any], now: datetime) -> None:
    """End the project and revoke its keys: whoever holds an answer about one hears it as of any other key.

    The tenant is locked, so that no key is being issued meanwhile. Raises DefaultStays, ProjectArchived.
    """
    if row["project_id"] == DEFAULT:
        raise DefaultStays(f"`{DEFAULT}` is every tenant's; it cannot be archived")
    require_in_use(row)
    tenant_id, project_id = row["tenant_id"], row["project_id"]
    by = actor()
    for key in await rows(
        key_queries.lock_keys_of_project(tx, tenant_id=tenant_id, project_id=project_id, now=now)
    ):
        await keys.revoke(tx, key, "revoked", by, now)
    await queries.archive_project(
        tx, tenant_id=tenant_id, project_id=project_id, archived_at=now, archived_by=by
    )
    archived = ProjectArchivedV1(tenant_id=tenant_id, project_id=project_id, archived_at=now)
    await outbox.add(tx, archived, aggregate_version=row["row_version"] + 1)
