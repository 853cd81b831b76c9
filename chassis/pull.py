"""The lean pull loop: pipelined pull requests on one inbox subscription, heartbeats, recovery of lost requests."""

import asyncio
import enum
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from chassis.bus import Bus

log = structlog.get_logger(__name__)

ACK = b"+ACK"
IN_PROGRESS = b"+WPI"
HEARTBEATS_MISSED = 2
REFUSED_PAUSE_SECONDS = 0.25


@dataclass(slots=True)
class Delivery:
    """One message as the bus (or a source's replay, then without a reply subject) handed it over."""

    headers: Mapping[str, str]
    data: bytes
    reply: str = ""

    @property
    def stream_sequence(self) -> int | None:
        """Position in the stream; the ack subject has 9 tokens, or 11 and more with domain and account."""
        tokens = self.reply.split(".")
        if len(tokens) < 9:
            return None
        return int(tokens[5] if len(tokens) == 9 else tokens[7])


class PullState(enum.Enum):
    STARTING = "starting"
    LIVE = "live"
    GONE = "gone"


@dataclass(slots=True)
class Pull:
    """Reads the durable `durable` of `stream`; never more than two batches are asked for or buffered."""

    bus: Bus
    stream: str
    durable: str
    batch: int = 500
    expires: float = 5.0
    heartbeat: float = 1.0
    linger: float = 0.002
    state: PullState = PullState.STARTING
    state_since: float = field(default_factory=time.monotonic)
    refused_at: float = 0.0
    """When it was last said that the durable is gone."""
    _buffer: list[Delivery] = field(default_factory=list)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _asked: dict[str, int] = field(default_factory=dict)
    _requests: int = 0
    _heard: float = 0.0
    _connection: int = 0
    _pause_until: float = 0.0
    _inbox: str = ""
    _subscription: Subscription | None = None

    @property
    def gone_for(self) -> float:
        """Seconds from the first refusal to the last: who is busy with a batch does not ask, and knows nothing new."""
        return max(0.0, self.refused_at - self.state_since) if self.state is PullState.GONE else 0.0

    async def next_batch(self, within: float) -> list[Delivery]:
        """Up to `batch` messages; a partial batch after a short linger, an empty list after `within` seconds."""
        end = time.monotonic() + within
        while len(self._buffer) < self.batch:
            await self._keep_asking()
            self._wake.clear()
            left = end - time.monotonic()
            if not self._buffer and left <= 0:
                return []
            if (
                not await self._woken(self.linger if self._buffer else min(left, self.heartbeat))
                and self._buffer
            ):
                break
        taken, self._buffer = self._buffer[: self.batch], self._buffer[self.batch :]
        if (
            self.batch > 1
        ):  # ask for the next while the caller works; a lone message would wait with its ack clock running
            await self._keep_asking()
        return taken

    async def ack(self, deliveries: Iterable[Delivery]) -> None:
        """Acknowledge. A lost acknowledgement means a redelivery, which the claim makes harmless."""
        await self._answer(deliveries, ACK)

    async def nak(self, delivery: Delivery, delay: float) -> None:
        """Ask for another delivery, at once or after `delay` seconds."""
        await self._answer([delivery], b'-NAK {"delay": %d}' % int(delay * 1e9) if delay else b"-NAK")

    async def in_progress(self, deliveries: Iterable[Delivery]) -> None:
        await self._answer(deliveries, IN_PROGRESS)

    async def stop(self) -> None:
        """Give back what nobody took and ask for no more."""
        for delivery in self._buffer:
            await self.nak(delivery, 0)
        self._buffer.clear()
        if self._subscription is not None and not self.bus.nc.is_closed:
            try:
                await self._subscription.unsubscribe()
            except NatsError as error:
                log.debug("pull.unsubscribe_failed", stream=self.stream, error=str(error))

    async def _answer(self, deliveries: Iterable[Delivery], word: bytes) -> None:
        try:
            await self.bus.nc.publish_each([one.reply for one in deliveries if one.reply], word)
        except NatsError as error:
            log.warning("pull.answer_failed", stream=self.stream, error=str(error))

    async def _woken(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return False
        return True

    async def _keep_asking(self) -> None:
        """One request in flight beside a part-filled buffer; requests that died unheard are forgotten first."""
        if not self.bus.is_connected:
            return
        if self._subscription is None:
            self._inbox = self.bus.nc.new_inbox()
            self._subscription = await self.bus.nc.subscribe(
                f"{self._inbox}.*", cb=self._receive, pending_msgs_limit=0, pending_bytes_limit=0
            )
        now = time.monotonic()
        reconnected = self._connection != self.bus.connections
        if reconnected or (self._asked and now - self._heard > HEARTBEATS_MISSED * self.heartbeat):
            # The server forgot them (reconnect, new leader) or never had them: ask again.
            self._asked.clear()
            self._connection, self._heard = self.bus.connections, now
        if now < self._pause_until or sum(self._asked.values()) + len(self._buffer) >= self.batch:
            return
        await self._ask(self.batch, now)

    async def _ask(self, count: int, now: float) -> None:
        self._requests += 1
        request = str(self._requests)
        if not self._asked:
            self._heard = now
        self._asked[request] = count
        body = {
            "batch": count,
            "expires": int(self.expires * 1e9),
            "idle_heartbeat": int(min(self.heartbeat, self.expires / 2) * 1e9),
        }
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self.stream}.{self.durable}"
        try:
            await self.bus.nc.publish(subject, json.dumps(body).encode(), reply=f"{self._inbox}.{request}")
        except NatsError as error:
            self._asked.pop(request, None)
            log.warning("pull.request_failed", stream=self.stream, error=str(error))

    async def _receive(self, message: Msg) -> None:
        self._heard = time.monotonic()
        headers: dict[str, Any] = message.headers or {}
        if "Status" in headers and not message.reply.startswith("$JS.ACK"):
            self._on_status(message.subject, headers["Status"], headers.get("Description", ""))
            return
        if self._asked:
            # A message carries the stream's subject, not the request's; the server serves the oldest request first.
            oldest = next(iter(self._asked))
            self._asked[oldest] -= 1
            if self._asked[oldest] <= 0:
                del self._asked[oldest]
        self._buffer.append(Delivery(headers, message.data, message.reply))
        self._enter(PullState.LIVE)
        if len(self._buffer) == 1 or len(self._buffer) >= self.batch:
            self._wake.set()

    def _on_status(self, subject: str, status: str, description: str) -> None:
        if status == "100":  # idle heartbeat
            self._enter(PullState.LIVE)
            return
        self._asked.pop(subject.rpartition(".")[2], None)
        if status in {"404", "408"}:  # nothing there, or the request's time is over
            self._enter(PullState.LIVE)
        else:
            # Refused: pause, so that a missing consumer is asked for four times a second, not thousands of times.
            self._pause_until = time.monotonic() + REFUSED_PAUSE_SECONDS
            if status in {"400", "503"} or (status == "409" and "eleted" in description):
                self._enter(PullState.GONE, f"{status} {description}".strip())
                self.refused_at = time.monotonic()
        self._wake.set()

    def _enter(self, state: PullState, why: str = "") -> None:
        if state is self.state or (state is PullState.GONE and self.state is PullState.STARTING):
            return  # before the first sign of life the durable is not gone but not there yet
        self.state, self.state_since = state, time.monotonic()
        level = log.error if state is PullState.GONE else log.info
        level("pull.state", stream=self.stream, durable=self.durable, state=state.value, why=why)
