"""HTTP in, as Retraced's client reads: `GET …/viewertoken` and `POST …/graphql`."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from chassis.clock import Clock
from chassis.db import Database
from chassis.pages import PageTokens
from services.audit.records.errors import GroupRefused, QueryRefused
from services.audit.records.publishers.api import tenant_of
from services.audit.records.search.filters import CAP
from services.audit.records.search.graphql import LONGEST, answer, node_of
from services.audit.records.search.reading import Search
from services.audit.records.search.retraced_query import asked_of
from services.audit.records.tokens.operations import Publisher, PublisherGuard
from services.audit.records.viewers import tokens
from services.audit.records.viewers.tokens import Viewer, ViewerGuard

MOST = 200
DEFAULT = 50


class ViewerTokenOut(BaseModel):
    """Good for 15 minutes and one project; it is sent like a publisher's."""

    token: str


class GraphQLIn(BaseModel):
    """A GraphQL request (one `search`)."""

    model_config = ConfigDict(extra="forbid")

    query: Annotated[str, Field(max_length=LONGEST)]
    variables: dict[str, Any] = {}
    operationName: Annotated[str, Field(max_length=100)] | None = None  # noqa: N815  # GraphQL's word


class GraphQLOut(BaseModel):
    """`data.search`: totalCount (at most 10,000), pageInfo and edges, as far as they were asked for."""

    data: dict[str, Any]


def router(database: Database, search: Search, clock: Clock, page_tokens: PageTokens) -> APIRouter:
    """What a publisher reads of its project."""
    routes = APIRouter(prefix="/publisher/v1/project/{project_id}", tags=["publisher"])
    reading = Depends(PublisherGuard(database, reads=True))
    viewing = Depends(ViewerGuard(database, page_tokens, clock))

    @routes.get("/viewertoken")
    async def viewer_token(
        publisher: Annotated[Publisher, reading],
        group_id: Annotated[str, Query(min_length=1, max_length=256)],
        actor_id: Annotated[str, Query(min_length=1, max_length=256)],
        is_admin: Literal["true", "false"] = "false",
        view_log_action: Annotated[str | None, Query(max_length=256)] = None,
    ) -> ViewerTokenOut:
        """A token for one person, who reads its own records with it, or as an admin all of the project.

        `view_log_action` is accepted and not used: a view is always recorded as `audit.viewed`.
        """
        if tenant_of(group_id) != publisher.tenant_id:
            raise GroupRefused("group_id is not the tenant of this token")
        admin = is_admin == "true"
        return ViewerTokenOut(
            token=tokens.issue(page_tokens, publisher, actor_id, is_admin=admin, now=clock.now())
        )

    @routes.post("/graphql")
    async def graphql(body: GraphQLIn, viewer: Annotated[Viewer, viewing]) -> GraphQLOut:
        """Search by Retraced's words, newest first; `before` is the cursor of the last record of the page before."""

        async def find(query: str, last: int | None = None, before: str | None = None) -> dict[str, Any]:
            return await page(viewer, query, DEFAULT if last is None else last, before)

        return GraphQLOut(**await answer(body.query, body.variables, find))

    async def page(viewer: Viewer, query: str, size: int, before: str | None) -> dict[str, Any]:
        if not 1 <= size <= MOST:
            raise QueryRefused(f"last: from 1 to {MOST}")
        publisher = viewer.publisher
        asked = asked_of(query, publisher.project_id)
        if viewer.only_actor is not None:
            if asked.filter.actor not in {None, viewer.only_actor}:
                raise QueryRefused("actor.id: this viewer reads its own records only")
            asked = replace(asked, filter=replace(asked.filter, actor=viewer.only_actor))
        scope = {
            "list": "graphql",
            "tenant_id": str(publisher.tenant_id),
            "query": query,
            "of": viewer.only_actor,
        }
        after = None
        if before:
            at, leaf = page_tokens.read(scope, before)
            after = (datetime.fromisoformat(at), leaf)
        found = await search.answer(
            publisher.tenant_id, asked, after, size + 1, counts=True, opens=True, reason=None
        )
        shown = found.rows[:size]
        return {
            "totalCount": min(found.counted or 0, CAP),
            "pageInfo": {"hasPreviousPage": len(found.rows) > size},
            "edges": [
                {
                    "cursor": page_tokens.issue(scope, [row["received_at"].isoformat(), row["leaf_index"]]),
                    "node": node_of(row, statement),
                }
                for row, statement in shown
            ],
        }

    return routes
