"""Delivers webhook messages: the stored bytes, signed anew for each attempt, to the address that was checked."""

import asyncio
import random
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

import httpx
import structlog

from chassis import outbox
from chassis.clock import Clock
from chassis.db import Database
from chassis.errors import Transient
from chassis.outgoing import http_client
from chassis.telemetry import inject, span_from
from contracts.notifier import WebhookMessageDeadV1
from services.notifier import addresses
from services.notifier.consumers import queries
from services.notifier.errors import EndpointRefused, Unresolvable
from services.notifier.settings import Settings
from services.notifier.signatures import Sealing, sign

log = structlog.get_logger(__name__)
LEASE = timedelta(seconds=60)
JITTER = 0.2

Reason = Literal[
    "dns", "connect", "tls", "timeout", "http_3xx", "http_4xx", "http_5xx", "blocked", "disabled"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one attempt: `status` of the answer, and `error`, a word of the dead-letter reasons, if it failed."""

    status: int | None = None
    error: Reason | None = None
    address: str | None = None
    snippet: str = ""


class Deliverer:
    """A background part; several at once take different messages, and a slow endpoint only holds its own."""

    name = "deliverer"

    def __init__(self, database: Database, sealing: Sealing, clock: Clock, settings: Settings) -> None:
        self._database = database
        self._sealing = sealing
        self._clock = clock
        self._settings = settings
        self._http = http_client(
            timeout=httpx.Timeout(settings.total_seconds, connect=settings.connect_seconds),
            # None is kept: a kept connection is found by address alone, and its certificate was checked for one name of
            # perhaps several that live there.
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
            follow_redirects=False,
        )

    async def run(self) -> None:
        running: set[asyncio.Task[None]] = set()
        try:
            while True:
                taken = await self._take_or_wait(self._settings.batch - len(running))
                for message in taken:
                    task = asyncio.create_task(self._deliver(message))
                    running.add(task)
                    task.add_done_callback(running.discard)
                if len(running) == self._settings.batch:
                    await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                elif not taken:
                    await asyncio.sleep(self._settings.poll)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            await self._http.aclose()

    async def deliver_due(self) -> int:
        """One round to its end; answers how many messages it took."""
        taken = await self._take(self._settings.batch)
        await asyncio.gather(*(self._deliver(message) for message in taken))
        return len(taken)

    async def _take_or_wait(self, most: int) -> list[dict[str, Any]]:
        try:
            return await self._take(most)
        except Transient as error:
            log.warning("deliverer.waiting", error=str(error))
            return []

    async def _take(self, most: int) -> list[dict[str, Any]]:
        """What is due, leased, so that no other process takes it meanwhile."""
        now = self._clock.now()
        async with self._database.worker() as tx:
            due = [dict(row) async for row in queries.due_messages(tx, now=now, most=most)]
            for message in due:
                await queries.claim_message(
                    tx, tenant_id=message["tenant_id"], message_id=message["message_id"], until=now + LEASE
                )
        return due

    async def _deliver(self, message: dict[str, Any]) -> None:
        started, at = time.monotonic(), self._clock.now()
        with span_from(
            message["traceparent"], "deliver webhook", attributes={"tenantry.type": message["type"]}
        ):
            try:
                outcome = await self._attempt(message)
                duration = int((time.monotonic() - started) * 1000)
                await self._record(message, outcome, duration, at)
            except Exception:
                # Whatever one endpoint provokes stops no other; the lease ends, and it comes again.
                log.exception("deliverer.failed", message_id=message["message_id"])

    async def _attempt(self, message: dict[str, Any]) -> Outcome:
        if message["endpoint_state"] != "active":
            return Outcome(error="disabled")
        dialled: str | None = None
        try:
            async with asyncio.timeout(self._settings.total_seconds):
                target = await addresses.check(
                    message["url"], allow_private=self._settings.allow_private_endpoints
                )
                dialled = target.address
                return await self._post(target, self._headers(message, target), message["body"])
        except Unresolvable:
            return Outcome(error="dns")
        except EndpointRefused:
            return Outcome(error="blocked")
        except (httpx.TimeoutException, TimeoutError):
            return Outcome(error="timeout", address=dialled)
        except httpx.HTTPError as error:
            said = str(error).lower()
            is_tls = isinstance(error, httpx.ConnectError) and ("ssl" in said or "certificate" in said)
            return Outcome(error="tls" if is_tls else "connect", address=dialled)

    def _headers(self, message: dict[str, Any], target: addresses.Target) -> dict[str, str]:
        secret = self._sealing.open(message["sealed_secret"], str(message["endpoint_id"]))
        traceparent = inject()[0]
        return {
            "content-type": "application/json",
            "user-agent": "Tenantry-Webhooks/1",
            "host": target.authority,
            **sign(secret, message["message_id"], self._clock.now(), message["body"]),
            **({} if traceparent is None else {"traceparent": traceparent}),
        }

    async def _post(self, target: addresses.Target, headers: dict[str, str], body: bytes) -> Outcome:
        extensions = {"sni_hostname": target.host} if target.scheme == "https" else {}
        request = self._http.build_request(
            "POST", target.url, headers=headers, content=body, extensions=extensions
        )
        answer = await self._http.send(request, stream=True)
        read = b""
        try:
            async for piece in answer.aiter_raw():
                read += piece
                if len(read) >= self._settings.max_answer_bytes:
                    break
        finally:
            await answer.aclose()
        status = answer.status_code
        error = None if 200 <= status < 300 else reason_of(status)
        snippet = read[:500].decode("utf-8", "replace").replace("\x00", "")
        return Outcome(status=status, error=error, address=target.address, snippet=snippet)

    async def _record(self, message: dict[str, Any], outcome: Outcome, duration: int, at: Any) -> None:
        """The attempt, and what follows: delivered, another attempt later, or dead with its event."""
        key = {"tenant_id": message["tenant_id"], "message_id": message["message_id"]}
        number = message["attempts"] + 1
        waits = self._settings.retry_after
        if outcome.error is None:
            state, due_at = "delivered", at
        elif number <= len(waits) and outcome.error != "disabled":
            jitter = random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311  # spreads retries, no secret
            state, due_at = "pending", at + timedelta(seconds=waits[number - 1] * jitter)
        else:
            state, due_at = "dead", at
        async with self._database.worker() as tx:
            await queries.add_attempt(
                tx,
                **key,
                number=number,
                at=at,
                status=outcome.status,
                error=outcome.error,
                duration_ms=duration,
                address=outcome.address,
                snippet=outcome.snippet,
            )
            is_settled = await queries.settle_message(tx, **key, state=state, due_at=due_at)
            if state == "dead" and is_settled is not None:
                died = WebhookMessageDeadV1(
                    **key,
                    endpoint_id=message["endpoint_id"],
                    reason=outcome.error or "connect",
                    attempts=number,
                )
                await outbox.add(tx, died, aggregate_version=number)


def reason_of(status: int) -> Reason:
    """What is no status of HTTP (999 is seen) is the receiver's fault like a 5xx."""
    if 300 <= status < 400:
        return "http_3xx"
    return "http_4xx" if 400 <= status < 500 else "http_5xx"
