"""The named queries of projects."""

from pathlib import Path
from typing import Any
from uuid import UUID

from chassis.db import ReadTx, load_queries
from services.registry.errors import ProjectNotFound

queries: Any = load_queries(Path(__file__).with_name("queries.sql"))


async def project(tx: ReadTx, tenant_id: UUID, project_id: str) -> dict[str, Any]:
    """Raises ProjectNotFound."""
    row = await queries.project_by_id(tx, tenant_id=tenant_id, project_id=project_id)
    if row is None:
        raise ProjectNotFound(f"there is no project {project_id!r}")
    return dict(row)
