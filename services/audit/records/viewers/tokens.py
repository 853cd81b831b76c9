"""Viewer tokens: signed, for a quarter of an hour, made with a publisher's token and no longer good than that."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from fastapi import Request

from chassis.clock import Clock
from chassis.context import set_actor
from chassis.db import Database
from chassis.errors import Unauthorized
from chassis.pages import PageTokenInvalid, PageTokens
from services.audit.records.tokens.operations import (
    CHALLENGE,
    SCHEMES,
    ProjectId,
    Publisher,
    PublisherGuard,
    found_live,
)

PREFIX = "tav_"
LIVES = timedelta(minutes=15)
LONGEST = 1_500


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who reads: a publisher all of its project, a viewer only its own records, unless it is an admin."""

    publisher: Publisher
    only_actor: str | None = None


def issue(tokens: PageTokens, publisher: Publisher, actor_id: str, *, is_admin: bool, now: datetime) -> str:
    body = [str(publisher.token_id), actor_id, is_admin, (now + LIVES).isoformat()]
    return PREFIX + tokens.issue(scope_of(publisher.project_id), body)


def scope_of(project_id: str) -> dict[str, Any]:
    return {"list": "viewer", "project_id": project_id}


class ViewerGuard:
    """FastAPI dependency: a publisher's token that may read, or a viewer's token. Both end with the publisher's."""

    security_scheme = "publisher"

    def __init__(self, database: Database, tokens: PageTokens, clock: Clock) -> None:
        self._database = database
        self._tokens = tokens
        self._clock = clock
        self._publisher = PublisherGuard(database, reads=True)

    async def __call__(self, request: Request, project_id: ProjectId) -> Viewer:
        given = request.headers.get("authorization", "")
        token = next((given.removeprefix(one) for one in SCHEMES if given.startswith(one)), "")
        if not token.startswith(PREFIX):
            return Viewer(await self._publisher(request, project_id))
        try:
            scope = scope_of(project_id)
            told = self._tokens.read(scope, token[:LONGEST].removeprefix(PREFIX))
        except PageTokenInvalid as error:
            raise Unauthorized("this is no viewer token for this project", headers=CHALLENGE) from error
        token_id, actor_id, is_admin, ends_at = told
        if datetime.fromisoformat(ends_at) <= self._clock.now():
            raise Unauthorized("the viewer token has expired", headers=CHALLENGE)
        publisher = await found_live(self._database, UUID(token_id))
        set_actor(actor_id, "user")
        return Viewer(publisher, None if is_admin else actor_id)
