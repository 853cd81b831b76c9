"""HTTP in, as Retraced's publishers expect it: `POST /publisher/v1/project/{project_id}/event` and `/event/bulk`."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel

from chassis.clock import Clock
from chassis.db import Database, Tx
from chassis.idempotency import once
from chassis.ids import uuid7
from services.audit.records.errors import EventTooLarge, GroupRefused
from services.audit.records.intake import Intake
from services.audit.records.publishers.posted import Beside, beside, record_of
from services.audit.records.retraced import LARGEST, PostedEvent, PostedEvents, hash_of
from services.audit.records.tokens.operations import Publisher, PublisherGuard


class StoredOut(BaseModel):
    """The record's id, and the hash by which Retraced's client checks that what it sent has arrived."""

    id: str
    hash: str


Said = Annotated[Beside, Depends(beside)]


def router(database: Database, intake: Intake, clock: Clock) -> APIRouter:
    """The intake. A publisher's token opens one project of one tenant."""
    routes = APIRouter(prefix="/publisher/v1/project/{project_id}", tags=["publisher"])
    publishing = Depends(PublisherGuard(database))

    @routes.post("/event", status_code=201, response_model=StoredOut)
    async def post(
        body: PostedEvent, request: Request, publisher: Annotated[Publisher, publishing], said: Said
    ) -> Response:
        """One event in Retraced's format. The answer means that it is in the log.

        What is ours comes in headers: `Tenantry-Actor-Type`, `Tenantry-On-Behalf-Of`, `Tenantry-Impersonation-Id`,
        `Tenantry-Session-Id`, `Tenantry-User-Agent`, `Tenantry-Class`. With an `Idempotency-Key` a repeated request is
        answered as the first one was, and stored once; Retraced's client sends none.
        """
        given = orjson.loads(await request.body())
        return await stored(request, publisher, said, [(body, given, "")], lambda told: told[0])

    @routes.post("/event/bulk", status_code=201, response_model=list[StoredOut])
    async def post_bulk(
        body: PostedEvents, request: Request, publisher: Annotated[Publisher, publishing], said: Said
    ) -> Response:
        """Up to 1,000 events, all of them or none; the answers stand in the order of the events."""
        given = orjson.loads(await request.body())["events"]
        events = [
            (one, raw, f"/events/{place}")
            for place, (one, raw) in enumerate(zip(body.events, given, strict=True))
        ]
        return await stored(request, publisher, said, events, lambda told: told)

    async def stored(
        request: Request,
        publisher: Publisher,
        said: Beside,
        events: Sequence[tuple[PostedEvent, dict[str, Any], str]],
        shape: Callable[[list[dict[str, str]]], Any],
    ) -> Response:
        now, records, told = clock.now(), [], []
        for event, given, pointer in events:
            refuse(event, given, publisher, pointer)
            id_ = uuid7()
            records.append(record_of(event, said, publisher, id_, now))
            told.append({"id": id_.hex, "hash": hash_of(given, id_.hex)})

        async def keyed(tx: Tx, effect: Callable[[], Awaitable[None]]) -> Response:
            async def outcome() -> tuple[int, Any]:
                await effect()
                return 201, shape(told)

            principal = f"publisher {publisher.token_id}"
            return await once(request, tx, clock, principal, publisher.tenant_id, outcome)

        answer = await intake.put(records, keyed if "idempotency-key" in request.headers else None)
        return answer or Response(orjson.dumps(shape(told)), 201, media_type="application/json")

    return routes


def refuse(event: PostedEvent, given: dict[str, Any], publisher: Publisher, pointer: str) -> None:
    """What the form alone does not show. Raises GroupRefused, EventTooLarge."""
    if event.group is not None and tenant_of(event.group.id) != publisher.tenant_id:
        detail = "the group's id is not the tenant of this token"
        raise GroupRefused(
            detail,
            french="l'identifiant du groupe n'est pas celui du client de ce jeton",
            errors=[{"pointer": f"{pointer}/group/id", "code": "group_refused", "detail": detail}],
        )
    if len(orjson.dumps(given)) > LARGEST:
        detail = f"an event is at most {LARGEST} bytes of JSON"
        raise EventTooLarge(
            detail,
            french=f"un événement fait au plus {LARGEST} octets de JSON",
            errors=[{"pointer": pointer or "/", "code": "event_too_large", "detail": detail}],
        )


def tenant_of(group_id: str) -> UUID | None:
    try:
        return UUID(group_id)
    except ValueError:
        return None
