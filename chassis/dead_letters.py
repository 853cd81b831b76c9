"""Dead letters: messages that no retry can save, kept in the consumer's own database with reason, stack and body."""

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import structlog

from chassis.clock import Clock
from chassis.db import Database, ReadTx, Tx, load_queries
from chassis.errors import Transient
from chassis.incoming import Position
from chassis.pull import Delivery
from chassis.receiver import Receiver

log = structlog.get_logger(__name__)
queries: Any = load_queries(Path(__file__).with_name("dead_letters.sql"))
inbox_queries: Any = load_queries(Path(__file__).with_name("inbox.sql"))

STATES = ("dead", "replaying", "replayed", "discarded")
MAX_PAGE = 200


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """`id` is the event's own, or one derived from the bytes of a message without a readable envelope."""

    id: uuid.UUID
    event_day: date
    consumer: str
    stream: str
    headers: Mapping[str, str]
    data: bytes
    stream_sequence: int | None
    position: Position | None
    type: str | None
    tenant_id: uuid.UUID | None
    reason: str
    error: str
    stack: str
    failures: int
    dead_at: datetime


async def bury(tx: Tx, letter: DeadLetter) -> None:
    """Write the row, in the transaction that claims the message; a letter that failed again is dead again."""
    position = letter.position
    await queries.bury(
        tx,
        id=letter.id,
        event_day=letter.event_day,
        consumer=letter.consumer,
        stream=letter.stream,
        stream_sequence=letter.stream_sequence,
        source=position.source if position else None,
        type=letter.type,
        tenant_id=letter.tenant_id,
        sequence=position.sequence if position else None,
        epoch=position.epoch if position else None,
        headers=dict(letter.headers),
        data=letter.data,
        reason=letter.reason,
        error=letter.error,
        stack=letter.stack,
        failures=letter.failures,
        dead_at=letter.dead_at,
    )


async def list_letters(
    tx: ReadTx, *, states: Sequence[str] = ("dead",), before: datetime | None = None, limit: int = 50
) -> list[dict[str, Any]]:
    """Newest first, without bodies."""
    rows = queries.list_letters(tx, states=list(states), before=before, letters=min(limit, MAX_PAGE))
    return [dict(row) async for row in rows]


async def show_letter(tx: ReadTx, letter_id: uuid.UUID) -> dict[str, Any] | None:
    """Everything, with headers, body and stack."""
    row = await queries.show_letter(tx, id=letter_id)
    return dict(row) if row else None


async def replay_letter(tx: Tx, letter_id: uuid.UUID, *, by: str) -> bool:
    """Ask the service to take it again, through the same inbox; False when it is not (or no longer) dead."""
    row = await queries.ask_replay(tx, id=letter_id, by=by)
    if row is None:
        return False
    await inbox_queries.reopen(tx, day=row["event_day"], id=row["id"])
    return True


async def discard_letter(tx: Tx, letter_id: uuid.UUID, *, by: str, at: datetime) -> bool:
    """Give it up for good; the row stays as a record. False when it is not (or no longer) dead."""
    return await queries.discard(tx, id=letter_id, by=by, at=at) is not None


async def mark_replayed(tx: Tx, ids: Sequence[uuid.UUID], at: datetime) -> None:
    await queries.mark_replayed(tx, ids=list(ids), at=at)


class DeadLetterReplayer:
    """A part of each consuming service: takes the letters that an operator asked to replay."""

    name = "dead-letters"

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        consumers: Sequence[Receiver],
        poll: float = 1.0,
        batch: int = 100,
    ) -> None:
        self._database = database
        self._clock = clock
        self._consumers = {consumer.stream: consumer for consumer in consumers}
        self._poll = poll
        self._batch = batch

    async def run(self) -> None:
        await self._database.wait_ready()
        while True:
            try:
                await self.replay_asked()
            except Transient as error:
                log.info("dead_letters.database_down", error=str(error))
            await asyncio.sleep(self._poll)

    async def replay_asked(self) -> int:
        """One round. A letter that fails for a passing reason stays asked and is tried in the next round."""
        async with self._database.platform_reading() as tx:
            rows = [row async for row in queries.take_replaying(tx, letters=self._batch)]
        for row in rows:
            consumer = self._consumers.get(row["stream"])
            if consumer is not None:
                await consumer.receive([Delivery(row["headers"], row["data"])], replayed=True)
        return len(rows)
