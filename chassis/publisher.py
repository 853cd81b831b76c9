"""Publishing to a stream that only we write: in order, each message naming the stream's last sequence.

Small batches keep their acknowledgements in flight; from about a hundred messages on an atomic batch (NATS ADR-50) is
one fsync instead of many. Every message carries, or inherits, `Nats-Expected-Last-Sequence`: nobody overtaken can append.
"""

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
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


class Publisher:
    """Publishes to one stream. `last_sequence` is the stream's last sequence as far as this publisher knows."""

    def __init__(self, bus: Bus, stream: str) -> None:
        self._bus = bus
        self._stream = stream
        self.last_sequence = 0

    async def read_last(self) -> tuple[str, int, str] | None:
        """(epoch, number, event id) of the stream's last message, None for an empty stream. Raises BusUnavailable.

        Asked from the server that leads the stream; sets where the next message is appended.
        """
        try:
            info = await self._bus.js.stream_info(self._stream)
            self.last_sequence = info.state.last_seq
            if info.state.messages == 0:
                return None
            message = await self._bus.js.get_msg(self._stream, seq=info.state.last_seq)
        except (nats.errors.Error, OSError) as error:
            raise BusUnavailable(f"{self._stream}: {error!r}") from error
        headers = message.headers or {}
        return headers.get("ce-sourceepoch", ""), int(headers.get("ce-sequence", 0)), headers.get("ce-id", "")

    async def send(self, batch: Sequence[Outgoing]) -> None:
        """All of `batch`, in order. Raises PublishRefused or BusUnavailable; then any prefix may have been stored."""
        if not self._bus.is_connected:
            raise BusUnavailable("the bus is not connected")
        try:
            for start in range(0, len(batch), ATOMIC_MOST):
                part = batch[start : start + ATOMIC_MOST]
                if len(part) >= ATOMIC_FROM:
                    await self._send_atomic(part)
                else:
                    await self._send_in_flight(part)
        except (nats.errors.Error, OSError, TimeoutError) as error:
            raise PublishRefused(f"{type(error).__name__}: {error}") from error

    async def _send_in_flight(self, batch: Sequence[Outgoing]) -> None:
        """Every message names the sequence that the one before it will get."""
        inbox = self._bus.nc.new_inbox()
        answers: dict[int, dict[str, Any]] = {}
        finished = asyncio.Event()

        async def on_answer(message: Msg) -> None:
            answers[int(message.subject.rpartition(".")[2])] = answer_of(message)
            if len(answers) == len(batch):
                finished.set()

        subscription = await self._bus.nc.subscribe(f"{inbox}.*", cb=on_answer)
        try:
            for place, message in enumerate(batch):
                headers = message.headers | {"Nats-Expected-Last-Sequence": str(self.last_sequence + place)}
                await self._bus.nc.publish(
                    message.subject, message.payload, reply=f"{inbox}.{place}", headers=headers
                )
            async with asyncio.timeout(ACK_SECONDS):
                await finished.wait()
        finally:
            await subscription.unsubscribe()
        for place in range(len(batch)):
            self._take(answers[place])

    async def _send_atomic(self, batch: Sequence[Outgoing]) -> None:
        batch_id = uuid.uuid4().hex
        nc = self._bus.nc
        for place, message in enumerate(batch, 1):
            headers = message.headers | {"Nats-Batch-Id": batch_id, "Nats-Batch-Sequence": str(place)}
            if place == 1:
                headers["Nats-Expected-Last-Sequence"] = str(self.last_sequence)
                first = await nc.request(
                    message.subject, message.payload, timeout=ACK_SECONDS, headers=headers
                )
                if first.data:
                    self._take(answer_of(first))
            elif place < len(batch):
                await nc.publish(message.subject, message.payload, headers=headers)
            else:
                headers["Nats-Batch-Commit"] = "1"
                answer = answer_of(
                    await nc.request(message.subject, message.payload, timeout=ACK_SECONDS, headers=headers)
                )
                if answer.get("error", {}).get("err_code") == DUPLICATE_IN_BATCH:
                    await self._send_one_by_one(batch)
                    return
                self._take(answer)

    async def _send_one_by_one(self, batch: Sequence[Outgoing]) -> None:
        """Some are in the stream already: a repeated one answers `duplicate` and changes nothing."""
        for message in batch:
            await self._send_in_flight([message])

    def _take(self, answer: dict[str, Any]) -> None:
        if "error" in answer:
            raise PublishRefused(f"{answer['error'].get('err_code')}: {answer['error'].get('description')}")
        if not answer.get("duplicate"):
            self.last_sequence = int(answer["seq"])


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
