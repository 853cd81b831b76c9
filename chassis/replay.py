"""Answers `rpc.<service>.outbox.replay`: a range of one numbering, in pages, to the requester alone."""

import base64
from typing import Any

import orjson
from pydantic import BaseModel, Field, ValidationError

from chassis.bus import Bus
from chassis.db import Database
from chassis.relay import numbered_headers
from contracts.subjects import replay_subject

PAGE_BYTES = 700_000
"""An answer stays below the server's largest message, base64 included."""


class ReplayRequest(BaseModel):
    """Numbers `from`…`to` of `epoch`, at most `limit` of them."""

    epoch: str
    first: int = Field(alias="from", ge=1)
    last: int = Field(alias="to", ge=1)
    limit: int = Field(default=500, ge=1, le=1000)


class ReplayResponder:
    """Registers with the bus; has no loop of its own."""

    def __init__(self, database: Database, bus: Bus) -> None:
        self._database = database
        self._bus = bus

    async def register(self) -> None:
        await self._bus.respond(replay_subject(self._database.service), self.answer)

    async def answer(self, request: bytes) -> bytes:
        """`{messages: [{headers, data_b64}], next}`, or `{error}` for a request that is none."""
        try:
            asked = ReplayRequest.model_validate_json(request)
        except ValidationError as error:
            return orjson.dumps(
                {"error": f"the request is not {{epoch, from, to, limit}}: {error.error_count()} faults"}
            )
        async with self._database.platform_reading() as tx:
            rows = await tx.fetch(
                "select * from outbox_numbered($1, $2, $3, $4)",
                asked.epoch,
                asked.first,
                asked.last,
                asked.limit,
            )
        return orjson.dumps(page_of(asked, rows))


def page_of(asked: ReplayRequest, rows: list[Any]) -> dict[str, Any]:
    """As many rows as fit; `next` is where to go on, null when the range is exhausted or its bodies are gone."""
    messages: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        size += len(row["payload"]) * 4 // 3 + len(row["headers"]) + 200
        if messages and size > PAGE_BYTES:
            return {"messages": messages, "next": row["seq"]}
        messages.append(
            {
                "headers": numbered_headers(row, asked.epoch),
                "data_b64": base64.b64encode(row["payload"]).decode(),
            }
        )
    is_cut = len(rows) == asked.limit and rows[-1]["seq"] < asked.last
    return {"messages": messages, "next": rows[-1]["seq"] + 1 if is_cut else None}
