"""Publishing to a stream that only we write: in order, each message naming the stream's last sequence.

Small batches keep their acknowledgements in flight; from about a hundred messages on an atomic batch (NATS ADR-50) is
one fsync instead of many. Every message carries, or inherits, `Nats-Expected-Last-Sequence`: nobody overtaken can append.
"""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

import nats.errors
import orjson
from nats.aio.msg import Msg

from chassis.bus import Bus, BusUnavailable

ATOMIC_FROM = 100
ATOMIC_MOST = 1000
ACK_SECONDS = 5.0
DUPLICATE_IN_BATCH = 10201


class PublishRefused(BusUnavailable):
    """The stream did not take a message; where it stands must be read again before going on."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message; `seq` is its source's number, for whoever reads the outcome."""

    seq: int
    subject: str
    headers: dict[str, str]
    payload: bytes


@dataclass(slots=True)
class _Flight:
    """Messages on the wire, and what the server answered for each place among them."""

    name: str
    size: int
    answers: dict[int, dict[str, Any]] = field(default_factory=dict)
    landed: asyncio.Event = field(default_factory=asyncio.Event)


class Publisher:
    """Publishes to one stream. `last_sequence` is the stream's last sequence once all that was sent is stored."""

    def __init__(self, bus: Bus, stream: str) -> None:
        self._bus = bus
        self._stream = stream
        self.last_sequence = 0
        self._wire = asyncio.Lock()
        self._flights: dict[str, _Flight] = {}
        self._inbox = ""
        self._certain = False

    async def read_last(self) -> tuple[str, int, str] | None:
        """(epoch, number, event id) of the stream's last message, None for an empty stream. Raises BusUnavailable.

        Asked from the server that leads the stream; sets where the next message is appended.
        """
        try:
            info = await self._bus.js.stream_info(self._stream)
            self.last_sequence = info.state.last_seq
            self._certain = True
            if info.state.messages == 0:
                return None
            message = await self._bus.js.get_msg(self._stream, seq=info.state.last_seq)
        except (nats.errors.Error, OSError) as error:
            raise BusUnavailable(f"{self._stream}: {error!r}") from error
        headers = message.headers or {}
        return headers.get("ce-sourceepoch", ""), int(headers.get("ce-sequence", 0)), headers.get("ce-id", "")

    async def send(self, batch: Sequence[Outgoing]) -> None:
        """All of `batch`, in order. Raises PublishRefused or BusUnavailable; then any prefix may have been stored.

        May be called again before it is done: what is sent later names the sequence that what is sent earlier leaves. Where
        something was refused, nothing more is sent until the stream's end was read again.
        """
        if not self._bus.is_connected:
            raise BusUnavailable("the bus is not connected")
        try:
            for start in range(0, len(batch), ATOMIC_MOST):
                part = batch[start : start + ATOMIC_MOST]
                if len(part) < ATOMIC_FROM:
                    await self._send_in_flight(part, self._turn())
                else:
                    await self._send_atomic(part)
        except (nats.errors.Error, OSError, TimeoutError) as error:
            self._certain = False
            raise PublishRefused(f"{type(error).__name__}: {error}") from error
        except BaseException:
            self._certain = False
            raise

    @contextlib.asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """One at a time puts its messages on the wire, and nobody behind what was refused or given up."""
        async with self._wire:
            self._check_certain()
            yield

    def _check_certain(self) -> None:
        if not self._certain:
            raise PublishRefused("something before it was not stored")

    async def _send_in_flight(
        self, batch: Sequence[Outgoing], turn: AbstractAsyncContextManager[None]
    ) -> None:
        """Every message names the sequence that the one before it will get. The turn ends when all are on the wire."""
        flight = _Flight(uuid.uuid4().hex, len(batch))
        try:
            async with turn:
                await self._take_off(flight, batch)
            async with asyncio.timeout(ACK_SECONDS):
                await flight.landed.wait()
        finally:
            flight.landed.set()
            self._flights.pop(flight.name, None)
        for place in range(flight.size):
            self._check(flight.answers[place])

    async def _take_off(self, flight: _Flight, batch: Sequence[Outgoing]) -> None:
        if not self._inbox:
            inbox = self._bus.nc.new_inbox()
            await self._bus.nc.subscribe(f"{inbox}.*.*", cb=self._on_answer)
            self._inbox = inbox
        self._flights[flight.name] = flight
        for place, message in enumerate(batch):
            headers = message.headers | {"Nats-Expected-Last-Sequence": str(self.last_sequence)}
            self.last_sequence += 1
            await self._bus.nc.publish(
                message.subject,
                message.payload,
                reply=f"{self._inbox}.{flight.name}.{place}",
                headers=headers,
            )

    async def _on_answer(self, message: Msg) -> None:
        _, name, place = message.subject.rsplit(".", 2)
        if flight := self._flights.get(name):
            flight.answers[int(place)] = answer_of(message)
            self._certain = self._certain and "error" not in flight.answers[int(place)]
            if len(flight.answers) == flight.size:
                flight.landed.set()

    async def _send_atomic(self, batch: Sequence[Outgoing]) -> None:
        """All or nothing of `batch`, once all before it is stored."""
        async with self._turn():
            for flight in list(self._flights.values()):
                await flight.landed.wait()
            self._check_certain()
            answer = await self._commit(batch)
            if answer.get("error", {}).get("err_code") == DUPLICATE_IN_BATCH:
                # Some are in the stream already: a repeated one answers `duplicate` and changes nothing.
                for message in batch:
                    await self._send_in_flight([message], contextlib.nullcontext())
                return
            self._check(answer)
            self.last_sequence = int(answer["seq"])

    async def _commit(self, batch: Sequence[Outgoing]) -> dict[str, Any]:
        batch_id = uuid.uuid4().hex
        nc = self._bus.nc
        answer: dict[str, Any] = {}
        for place, message in enumerate(batch, 1):
            headers = message.headers | {"Nats-Batch-Id": batch_id, "Nats-Batch-Sequence": str(place)}
            if place == 1:
                headers["Nats-Expected-Last-Sequence"] = str(self.last_sequence)
            if place == len(batch):
                headers["Nats-Batch-Commit"] = "1"
            if 1 < place < len(batch):
                await nc.publish(message.subject, message.payload, headers=headers)
                continue
            heard = await nc.request(message.subject, message.payload, timeout=ACK_SECONDS, headers=headers)
            if heard.data:
                answer = answer_of(heard)
            if "error" in answer:
                break
        return answer

    def _check(self, answer: dict[str, Any]) -> None:
        """Raises PublishRefused. What is in the stream already takes no place: the next stands where this one would."""
        if "error" in answer:
            raise PublishRefused(f"{answer['error'].get('err_code')}: {answer['error'].get('description')}")
        if answer.get("duplicate"):
            self.last_sequence -= 1


def answer_of(message: Msg) -> dict[str, Any]:
    """A publish acknowledgement, or an error in the same form."""
    if message.headers and message.headers.get("Status"):
        return {
            "error": {
                "err_code": message.headers["Status"],
                "description": message.headers.get("Description"),
            }
        }
    answer: dict[str, Any] = orjson.loads(message.data)
    return answer
