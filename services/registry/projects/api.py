"""HTTP in: projects of a tenant, for its IT admins and for operators."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response

from chassis.auth import Authenticate
from chassis.clock import Clock
from chassis.db import Database, Tx, rows
from chassis.etags import IfMatch, etag_of, require_match
from chassis.guards import needs
from chassis.idempotency import Keyed
from chassis.pages import Paged, PageTokens
from contracts.capabilities import Capability
from contracts.claims import Claims
from services.registry.bodies import Body, ProjectId, Text
from services.registry.changes import Changes
from services.registry.projects import operations as projects
from services.registry.projects import store
from services.registry.projects.store import queries
from services.registry.tenants import operations as tenants
from services.registry.tenants import store as tenant_store
from services.registry.tenants.model import Ladder

Id = Annotated[str, Path(max_length=64)]


class ProjectIn(Body):
    """A project to be. Its id never changes and is not used twice."""

    project_id: ProjectId
    name: Text


class ProjectChangeIn(Body):
    """What can be changed of a project."""

    name: Text


def project_out(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "tenant_id": str(row["tenant_id"])}


def router(
    database: Database, authenticate: Authenticate, clock: Clock, ladder: Ladder, page_tokens: PageTokens
) -> APIRouter:
    routes = APIRouter(prefix="/v1/tenants/{tenant_id}/projects", tags=["projects"])
    manager = needs(authenticate, Capability.PROJECT_MANAGE)
    add_changing(routes, Changes(database, clock), manager, ladder)
    add_reading(routes, database, needs(authenticate, Capability.PROJECT_READ), page_tokens)
    return routes


def add_changing(routes: APIRouter, changes: Changes, manager: Any, ladder: Ladder) -> None:
    @routes.post("", status_code=201)
    async def create(
        tenant_id: UUID, body: ProjectIn, request: Request, claims: Annotated[Claims, manager], key: Keyed
    ) -> Response:
        """API keys and usage of products that support projects can name it from now on."""

        async def change(tx: Tx, now: datetime) -> dict[str, Any]:
            await tenants.lock_writable(tx, tenant_id, ladder, now)
            await projects.create(tx, tenant_id, body.project_id, body.name, now)
            return project_out(await store.project(tx, tenant_id, body.project_id))

        location = f"/v1/tenants/{tenant_id}/projects/{body.project_id}"
        return await changes.make(request, claims.sub, tenant_id, change, status=201, location=location)

    @routes.patch("/{project_id}")
    async def rename(
        tenant_id: UUID,
        project_id: Id,
        body: ProjectChangeIn,
        request: Request,
        claims: Annotated[Claims, manager],
        key: Keyed,
        match: IfMatch,
    ) -> Response:
        """Its name is for people; the id stays."""

        async def change(tx: Tx, now: datetime) -> dict[str, Any]:
            await tenants.lock_writable(tx, tenant_id, ladder, now)
            row = await store.project(tx, tenant_id, project_id)
            require_match(request, row["row_version"])
            await projects.rename(tx, row, body.name)
            return project_out(await store.project(tx, tenant_id, project_id))

        return await changes.make(request, claims.sub, tenant_id, change)

    @routes.delete("/{project_id}")
    async def archive(
        tenant_id: UUID,
        project_id: Id,
        request: Request,
        claims: Annotated[Claims, manager],
        key: Keyed,
        match: IfMatch,
    ) -> Response:
        """Archive it for good: its API keys are revoked, what it used stays in the series. `default` stays."""

        async def change(tx: Tx, now: datetime) -> dict[str, Any]:
            await tenants.lock_writable(tx, tenant_id, ladder, now)
            row = await store.project(tx, tenant_id, project_id)
            require_match(request, row["row_version"])
            await projects.archive(tx, row, now)
            return project_out(await store.project(tx, tenant_id, project_id))

        return await changes.make(request, claims.sub, tenant_id, change)


def add_reading(routes: APIRouter, database: Database, reader: Any, page_tokens: PageTokens) -> None:
    @routes.get("")
    async def find(tenant_id: UUID, claims: Annotated[Claims, reader], asked: Paged) -> dict[str, Any]:
        """By id, those that are archived too."""
        scope = {"list": "projects", "tenant_id": str(tenant_id)}
        page = page_tokens.open(asked, scope, "project_id")
        async with database.reading(tenant_id) as tx:
            await tenant_store.tenant(tx, tenant_id)
            found = await rows(
                queries.projects_page(tx, tenant_id=tenant_id, after=page.after["project_id"], most=page.most)
            )
        return page.answer("projects", [project_out(row) for row in found])

    @routes.get("/{project_id}")
    async def show(
        tenant_id: UUID, project_id: Id, response: Response, claims: Annotated[Claims, reader]
    ) -> dict[str, Any]:
        """One project, also when it is archived."""
        async with database.reading(tenant_id) as tx:
            found = project_out(await store.project(tx, tenant_id, project_id))
        response.headers["ETag"] = etag_of(found["row_version"])
        return found
