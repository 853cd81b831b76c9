"""The inbox transaction and its failure families: retry in place, later, bisect to the guilty message, or bury it."""

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
import structlog

from chassis import dead_letters
from chassis.clock import Clock
from chassis.db import Database, DatabaseUnavailable, Tx, load_queries
from chassis.errors import Permanent, Transient
from chassis.inbox_settings import InboxSettings, growing_delay
from chassis.incoming import Incoming, read, seen_ranges
from chassis.message_spans import MessageSpans
from chassis.pull import Delivery
from chassis.receiver import Verdict
from contracts.envelope import MalformedEnvelope, Message
from contracts.event import UndecodableEvent

log = structlog.get_logger(__name__)
queries: Any = load_queries(Path(__file__).with_name("inbox.sql"))

Apply = Callable[[Tx, Sequence[Message]], Awaitable[None]]
Claim = Callable[[Tx, Mapping[UUID, Incoming]], Awaitable[list[Incoming]]]
T = TypeVar("T")

HOPELESS = (Permanent, UndecodableEvent, MalformedEnvelope)
HANDLERS_FAULT = (
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.DataError,
    asyncpg.InFailedSQLTransactionError,
)
DATABASE_TROUBLE = (
    DatabaseUnavailable,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
)
MAX_TEXT = 4_000


class HandlerFailed(Exception):
    """The handler's own failure, the only kind that counts against a message; the cause is in `__cause__`."""


class SeenBefore(Exception):
    """Of a batch that was taken for new, something has been handled, or has failed before."""


class Intake:
    """Takes batches of one consumer into the database. Returns only when each message's fate is committed."""

    at_once = 1

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        consumer: str,
        stream: str,
        apply: Apply,
        settings: InboxSettings,
    ) -> None:
        self._database = database
        self._clock = clock
        self._consumer = consumer
        self._stream = stream
        self._apply = apply
        self._settings = settings
        self._types: frozenset[str] | None = getattr(apply, "types", None)
        self.database_down_since: datetime | None = None

    async def take(self, deliveries: Sequence[Delivery], *, replayed: bool = False) -> Verdict:
        """`replayed` marks dead letters that come back: their row is settled in the same transaction."""
        verdict = Verdict()
        batch = [read(delivery, self._stream) for delivery in deliveries]
        readable = [incoming for incoming in batch if incoming.message is not None]
        for incoming in batch:
            if incoming.refusal is not None:
                await self._bury(incoming, incoming.refusal, "unreadable", 0)
                verdict.done.append(incoming.delivery)
        if readable:
            await self._attempt(readable, verdict, self._settings.transient_tries, replayed=replayed)
        return verdict

    async def _attempt(
        self, batch: Sequence[Incoming], verdict: Verdict, tries: int, *, replayed: bool
    ) -> None:
        for attempt in range(1, tries + 1):
            try:
                await self._insist(lambda: self._commit(batch, replayed=replayed))
            except HandlerFailed as failed:
                error = failed.__cause__ or failed
                log.warning(
                    "inbox.handler_failed", consumer=self._consumer, messages=len(batch), error=repr(error)
                )
                if not isinstance(error, Transient) or len(batch) == 1 or attempt == tries:
                    break
                await asyncio.sleep(growing_delay(attempt, self._settings.database_retry_first, 1.0))
            else:
                verdict.done.extend(incoming.delivery for incoming in batch)
                return
        if len(batch) == 1:
            await self._judge(batch[0], error, verdict)
            return
        half = len(batch) // 2
        await self._attempt(batch[:half], verdict, 1, replayed=replayed)
        await self._attempt(batch[half:], verdict, 1, replayed=replayed)

    async def _commit(self, batch: Sequence[Incoming], *, replayed: bool) -> None:
        try:
            await self._commit_with(self._claim if replayed else self._claim_new, batch, replayed=replayed)
        except SeenBefore:
            await self._commit_with(self._claim, batch, replayed=replayed)

    async def _commit_with(self, claim: Claim, batch: Sequence[Incoming], *, replayed: bool) -> None:
        wanted = {i.event_id: i for i in batch if self._types is None or i.type in self._types}
        with MessageSpans(self._consumer, self._stream) as spans:
            try:
                async with self._database.worker() as tx:
                    fresh = await claim(tx, wanted) if wanted else []
                    if fresh:
                        await self._handle(tx, [i.message for i in fresh if i.message is not None], spans)
                    if replayed:
                        await dead_letters.mark_replayed(tx, list(wanted), self._clock.now())
                    # Last, because its row is the one that all processes of the service share.
                    await self._add_progress(tx, batch)
            except HANDLERS_FAULT as error:
                raise HandlerFailed from error  # seen at commit: a deferred constraint, or an error that it swallowed

    async def _claim_new(self, tx: Tx, wanted: Mapping[UUID, Incoming]) -> list[Incoming]:
        """All of `wanted`. Raises SeenBefore, after which the transaction is over, where somebody has had one of them."""
        try:
            await queries.claim_new(tx, **self._claimed(wanted))
        except asyncpg.UniqueViolationError as error:
            raise SeenBefore from error
        return list(wanted.values())

    async def _claim(self, tx: Tx, wanted: Mapping[UUID, Incoming]) -> list[Incoming]:
        """What of `wanted` nobody has handled yet, in the order of arrival."""
        fresh = {row["event_id"] async for row in queries.claim(tx, **self._claimed(wanted))}
        return [incoming for event_id, incoming in wanted.items() if event_id in fresh]

    def _claimed(self, wanted: Mapping[UUID, Incoming]) -> dict[str, Any]:
        ids = sorted(wanted)
        return {
            "days": [wanted[i].event_day for i in ids],
            "ids": ids,
            "sources": [wanted[i].source for i in ids],
            "done_at": self._clock.now(),
        }

    async def _handle(self, tx: Tx, fresh: Sequence[Message], spans: MessageSpans) -> None:
        spans.open(fresh)
        try:
            await self._apply(tx, fresh)
        except DATABASE_TROUBLE:
            raise
        except Exception as error:
            raise HandlerFailed from error

    async def _add_progress(self, tx: Tx, batch: Sequence[Incoming]) -> None:
        positions = [incoming.position for incoming in batch if incoming.position is not None]
        for (source, epoch), seen in seen_ranges(positions).items():
            await queries.add_progress(tx, source=source, epoch=epoch, seen=seen, at=self._clock.now())

    async def _judge(self, incoming: Incoming, error: BaseException, verdict: Verdict) -> None:
        """One message and its failure: hopeless or past the limit is buried, anything else comes again later."""
        if isinstance(error, HOPELESS):
            await self._bury(incoming, error, "permanent", 1)
            verdict.done.append(incoming.delivery)
            return
        failures = await self._insist(lambda: self._count_failure(incoming, error))
        if failures is None:  # another process has handled it meanwhile
            verdict.done.append(incoming.delivery)
        elif failures >= self._settings.max_failures:
            await self._bury(incoming, error, "failures", failures)
            verdict.done.append(incoming.delivery)
        else:
            delay = growing_delay(failures, self._settings.retry_first, self._settings.retry_most)
            verdict.later.append((incoming.delivery, delay))

    async def _count_failure(self, incoming: Incoming, error: BaseException) -> int | None:
        async with self._database.worker() as tx:
            failures: int | None = await queries.count_failure(
                tx,
                day=incoming.event_day,
                id=incoming.event_id,
                source=incoming.source,
                error=plain_text(repr(error)),
            )
        return failures

    async def _bury(self, incoming: Incoming, error: BaseException, reason: str, failures: int) -> None:
        letter = dead_letters.DeadLetter(
            id=incoming.event_id,
            event_day=incoming.event_day,
            consumer=self._consumer,
            stream=self._stream,
            headers={
                plain_text(name): plain_text(value) for name, value in incoming.delivery.headers.items()
            },
            data=incoming.delivery.data,
            stream_sequence=incoming.delivery.stream_sequence,
            position=incoming.position,
            type=incoming.type or None,
            tenant_id=incoming.message.envelope.tenant_id if incoming.message else None,
            reason=reason,
            error=plain_text(f"{type(error).__name__}: {error}"),
            stack=plain_text("".join(traceback.format_exception(error))[-4 * MAX_TEXT :]),
            failures=failures,
            dead_at=self._clock.now(),
        )

        async def commit() -> None:
            async with self._database.worker() as tx:
                if await self._claim(tx, {incoming.event_id: incoming}):
                    await dead_letters.bury(tx, letter)
                await self._add_progress(tx, [incoming])

        await self._insist(commit)
        log.error(
            "inbox.dead_letter",
            consumer=self._consumer,
            event_id=str(letter.id),
            reason=reason,
            error=letter.error,
        )

    async def _insist(self, operation: Callable[[], Awaitable[T]]) -> T:
        """Until the own database takes it. Meanwhile nothing is pulled, nothing counted and nothing lost."""
        attempt = 0
        while True:
            try:
                result = await operation()
            except HandlerFailed:
                raise
            except Exception as error:  # noqa: BLE001 - whatever keeps our own statements from the database, we wait
                attempt += 1
                self.database_down_since = self.database_down_since or self._clock.now()
                log.warning(
                    "inbox.database_down", consumer=self._consumer, attempt=attempt, error=repr(error)
                )
                await asyncio.sleep(
                    growing_delay(
                        attempt, self._settings.database_retry_first, self._settings.database_retry_most
                    )
                )
            else:
                self.database_down_since = None
                return result


def plain_text(text: str) -> str:
    """PostgreSQL's text and jsonb hold no NUL; nothing that a message carries may keep it from being buried."""
    return text.replace("\x00", "\N{SYMBOL FOR NULL}").encode("utf-8", "replace").decode()[:MAX_TEXT]
