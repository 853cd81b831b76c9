"""Delivers webhook messages: the stored bytes, signed anew for each attempt, to the address that was checked."""

import asyncio
import random
import time
from datetime import timedelta
from typing import Any

import httpx
import structlog

from chassis import outbox
from chassis.clock import Clock
from chassis.db import Database
from chassis.errors import Transient
from chassis.telemetry import inject, span_from
from contracts.notifier import WebhookMessageDeadV1
from services.notifier import addresses
from services.notifier.consumers import queries
from services.notifier.errors import EndpointRefused
from services.notifier.settings import Settings
from services.notifier.signatures import Sealing, sign

log = structlog.get_logger(__name__)
LEASE = timedelta(seconds=60)
JITTER = 0.2


class Outcome:
    """What became of one attempt: `status` of the answer, or `error`, a word of the dead-letter reasons."""

    __slots__ = ("address", "error", "snippet", "status")

    def __init__(
        self,
        *,
        status: int | None = None,
        error: str | None = None,
        address: str | None = None,
        snippet: str = "",
    ) -> None:
        self.status = status
        self.error = error
        self.address = address
        self.snippet = snippet


class Deliverer:
    """A background part; several at once take different messages, and a slow endpoint only holds its own."""

    name = "deliverer"

    def __init__(self, database: Database, sealing: Sealing, clock: Clock, settings: Settings) -> None:
        self._database = database
        self._sealing = sealing
        self._clock = clock
        self._settings = settings
        timeout = httpx.Timeout(settings.total_seconds, connect=settings.connect_seconds)
        self._http = httpx.AsyncClient(timeout=timeout, follow_redirects=False, trust_env=False)

    async def run(self) -> None:
        try:
            while True:
                try:
                    taken = await self.deliver_due()
                except Transient as error:
                    log.warning("deliverer.waiting", error=str(error))
                    taken = 0
                if not taken:
                    await asyncio.sleep(self._settings.poll)
        finally:
            await self._http.aclose()

    async def deliver_due(self) -> int:
        """One round; answers how many messages it took."""
        now = self._clock.now()
        async with self._database.worker() as tx:
            due = [dict(row) async for row in queries.due_messages(tx, now=now, most=self._settings.batch)]
            for message in due:
                await queries.claim_message(
                    tx, tenant_id=message["tenant_id"], message_id=message["message_id"], until=now + LEASE
                )
        await asyncio.gather(*(self._deliver(message) for message in due))
        return len(due)

    async def _deliver(self, message: dict[str, Any]) -> None:
        started, at = time.monotonic(), self._clock.now()
        with span_from(
            message["traceparent"], "deliver webhook", attributes={"tenantry.type": message["type"]}
        ):
            outcome = await self._attempt(message)
            duration = int((time.monotonic() - started) * 1000)
            await self._record(message, outcome, duration, at)

    async def _attempt(self, message: dict[str, Any]) -> Outcome:
        if message["endpoint_state"] != "active":
            return Outcome(error="disabled")
        try:
            target = await addresses.check(
                message["url"], allow_private=self._settings.allow_private_endpoints
            )
        except EndpointRefused as refused:
            return Outcome(error="dns" if "resolve" in refused.detail else "blocked")
        secret = self._sealing.open(message["sealed_secret"], str(message["endpoint_id"]))
        headers = {
            "content-type": "application/json",
            "user-agent": "Tenantry-Webhooks/1",
            "host": target.host if target.port in {80, 443} else f"{target.host}:{target.port}",
            **sign(secret, message["message_id"], self._clock.now(), message["body"]),
        }
        if (traceparent := inject()[0]) is not None:
            headers["traceparent"] = traceparent
        place = f"[{target.address}]" if ":" in target.address else target.address
        url = f"{target.scheme}://{place}:{target.port}{target.path}"
        try:
            async with asyncio.timeout(self._settings.total_seconds):
                return await self._post(url, target, headers, message["body"])
        except (httpx.TimeoutException, TimeoutError):
            return Outcome(error="timeout", address=target.address)
        except httpx.ConnectError as error:
            reason = (
                "tls" if "ssl" in str(error).lower() or "certificate" in str(error).lower() else "connect"
            )
            return Outcome(error=reason, address=target.address)
        except httpx.HTTPError:
            return Outcome(error="connect", address=target.address)

    async def _post(
        self, url: str, target: addresses.Target, headers: dict[str, str], body: bytes
    ) -> Outcome:
        extensions = {"sni_hostname": target.host} if target.scheme == "https" else {}
        request = self._http.build_request("POST", url, headers=headers, content=body, extensions=extensions)
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
        error = None if 200 <= status < 300 else f"http_{status // 100}xx"
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
            await queries.settle_message(tx, **key, state=state, due_at=due_at)
            if state == "dead":
                await outbox.add(
                    tx, self._dead(message, outcome.error or "connect", number), aggregate_version=number
                )

    def _dead(self, message: dict[str, Any], reason: str, attempts: int) -> WebhookMessageDeadV1:
        known = "http_4xx" if reason == "http_1xx" else reason
        return WebhookMessageDeadV1(
            tenant_id=message["tenant_id"],
            message_id=message["message_id"],
            endpoint_id=message["endpoint_id"],
            reason=known,  # type: ignore[arg-type]  # one of the reasons that `_attempt` gives
            attempts=attempts,
        )
