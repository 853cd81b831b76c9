"""A desktop that comes and goes: on any node, with every bad habit, and with a log of all that it was told."""

import asyncio
import json
import socket
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any

import httpx
import orjson

from tests.integration.bff.desk import Desk
from tests.integration.bff.line import OURS
from tests.integration.bff.stage import BASE, ORIGIN, STREAM, Bff

HABITS = {"cut": 5, "leave": 3, "slow": 1, "poll": 1}
"""How it ends a connection, and how often in that way."""
LONGEST_SECONDS = 6.0
"""Of a connection; the slow ones stand still for as long."""
HANGS_SECONDS = 30.0
TOKEN_SECONDS = 900
CUTS_APART = 8
"""A cut is at most so many frames behind the opening."""


@dataclass(slots=True)
class Connection:
    """What one connection gave: positions behind `start` up to `end`, all in one epoch."""

    epoch: str
    start: int
    end: int
    reset: str = ""
    seqs: list[int] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    last: dict[str, int] = field(default_factory=dict)
    """Audience → number of its last event."""
    opened_at: float = field(default_factory=time.time)


IsDone = Callable[[Connection], bool]


@dataclass
class Tally:
    """Of all desktops together."""

    deliveries: int = 0
    connections: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    """How connections ended, and what else happened on them."""
    cut_at: Counter[int] = field(default_factory=Counter)
    """Byte of an event's frame → cuts behind it."""
    wrong: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    """One object for each event id, which many are told."""
    frame_bytes: int = 1
    _next_cut: Any = field(default_factory=count)

    def next_cut(self) -> int:
        """Every byte of a frame in turn."""
        return int(next(self._next_cut)) % self.frame_bytes


class Cut(Exception):
    """The connection is to end here, in the middle of whatever comes."""


class Desktop:
    """One device. It keeps its cursor, and goes on from there wherever it comes in next."""

    def __init__(
        self, desk: Desk, nodes: list[Bff], random: Random, tally: Tally, http: httpx.AsyncClient
    ) -> None:
        self.desk = desk
        self.connections: list[Connection] = []
        self.is_living = True
        self._nodes = nodes
        self._random = random
        self._tally = tally
        self._http = http
        self._cursor = ""
        self._token = ("", 0.0)

    async def live(self) -> None:
        """Until `is_living` is unset."""
        while self.is_living:
            habit = self._random.choices(list(HABITS), list(HABITS.values()))[0]
            await self._come(habit)
            await asyncio.sleep(self._random.uniform(0.0, 0.5))

    async def settle(self, is_done: IsDone) -> None:
        """Stay until that is so."""
        while not self.connections or not is_done(self.connections[-1]):
            await self._come("stay", is_done)

    async def _come(self, habit: str, is_done: IsDone | None = None) -> None:
        node = self._random.choice(self._nodes)
        try:
            async with asyncio.timeout(HANGS_SECONDS):
                if habit == "poll" and self._cursor:
                    await self._poll(node)
                else:
                    await self._listen(node, habit, is_done)
        except (OSError, EOFError, TimeoutError, httpx.TransportError):
            self._tally.seen["broken"] += 1
            await asyncio.sleep(0.1)

    async def _listen(self, node: Bff, habit: str, is_done: IsDone | None) -> None:
        reader, writer = await opened(node.stream_port, is_slow=habit == "slow")
        try:
            headers = self._headers(STREAM) | ({"Last-Event-ID": self._cursor} if self._cursor else {})
            lines = [
                f"GET {STREAM} HTTP/1.1",
                "Host: x",
                *(f"{name}: {text}" for name, text in headers.items()),
            ]
            writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            told = httpx.Headers(dict(line.split(": ", 1) for line in head.split("\r\n")[1:-2]))
            if await self._is_in(int(head.split(" ", 2)[1]), told):
                await Reading(self, self._tally, self._random, habit, is_done).read(reader)
        except Cut:
            self._tally.seen[habit] += 1
        finally:
            writer.transport.abort()

    async def _is_in(self, status: int, headers: Any) -> bool:
        self.desk.nonces[ORIGIN] = headers["dpop-nonce"]
        self._tally.seen[f"answer {status}"] += 1
        if status == 503:
            await asyncio.sleep(self._random.uniform(0.0, 0.5))
        elif status not in {200, 204, 401}:  # 401: a nonce that is too old for a node that has just started
            self._tally.wrong.append(f"answer {status}")
        return status == 200

    def _headers(self, path: str) -> dict[str, str]:
        token, until = self._token
        if time.monotonic() > until:
            token = self.desk.token(seconds=TOKEN_SECONDS)
            self._token = token, time.monotonic() + TOKEN_SECONDS / 3
        proof = self.desk.proof("GET", f"{ORIGIN}{path}", token)
        return {"Authorization": f"DPoP {token}", "DPoP": proof}

    async def _poll(self, node: Bff) -> None:
        path = f"{BASE}/events"
        asked = {"cursor": self._cursor, "wait": "1", "limit": str(self._random.randint(1, 200))}
        answer = await self._http.get(f"{node.api}{path}", params=asked, headers=self._headers(path))
        if not await self._is_in(answer.status_code, answer.headers):
            return
        told = answer.json()
        self._tally.seen["poll"] += 1
        reset = next((said["data"]["reason"] for said in told["control"] if said["event"] == "reset"), "")
        epoch, seq = place(told["cursor"] if reset else self._cursor)
        connection = Connection(epoch, seq, seq, reset, last=told["last"])
        self.begin(connection)
        for event in told["events"]:
            self.take(connection, place(event["cursor"]), event["data"])
        self.move(connection, place(told["cursor"]))

    def begin(self, connection: Connection) -> None:
        """From here on the connection counts."""
        self._tally.connections += 1
        self._tally.seen["resets"] += bool(connection.reset)
        self.connections.append(connection)
        self._cursor = f"{connection.epoch}-{connection.end}"

    def take(self, connection: Connection, at: tuple[str, int], event: dict[str, Any]) -> None:
        """An event, with what any client can see of it at once: the order, and a hole in its audience."""
        audience, seq = event["audience"], event["seq"]
        if event["prev"] != connection.last.get(audience, event["prev"]):
            self.blame(f"{audience}: {event['prev']} before {seq}, not {connection.last[audience]}")
        if at[1] <= connection.end:
            self.blame(f"{at[1]} behind {connection.end}")
        connection.last[audience] = seq
        connection.seqs.append(at[1])
        connection.ids.append(self._tally.names.setdefault(event["id"], event["id"]))
        self._tally.deliveries += 1
        self.move(connection, at)

    def move(self, connection: Connection, at: tuple[str, int]) -> None:
        if at[0] != connection.epoch or at[1] < connection.end:
            self.blame(f"{at} behind {connection.epoch}-{connection.end}")
        connection.end = at[1]
        self._cursor = f"{at[0]}-{at[1]}"

    def blame(self, what: str) -> None:
        self._tally.wrong.append(f"{self.desk.device_id}: {what}")


class Reading:
    """One stream from its hello to the end that its habit gives it."""

    def __init__(
        self, desktop: Desktop, tally: Tally, random: Random, habit: str, is_done: IsDone | None
    ) -> None:
        self._desktop = desktop
        self._tally = tally
        self._random = random
        self._habit = habit
        self._is_done = is_done
        self._connection: Connection | None = None
        self._reset = ""
        self._frames = 0
        self._cut = (random.randint(0, CUTS_APART), tally.next_cut()) if habit == "cut" else None
        stays = HANGS_SECONDS if habit == "stay" else random.uniform(0.0, LONGEST_SECONDS)
        self._until = time.monotonic() + stays

    async def read(self, reader: asyncio.StreamReader) -> None:
        rest = b""
        while True:
            if self._habit == "slow" and self._connection is not None:
                await asyncio.sleep(self._random.uniform(0.0, LONGEST_SECONDS))
            async with asyncio.timeout(HANGS_SECONDS):
                data = await reader.read(65_536)
            if not data:
                self._tally.seen["ended by the bff"] += 1
                return
            rest = self._take_all(rest + data)
            if time.monotonic() > self._until:
                raise Cut

    def _take_all(self, data: bytes) -> bytes:
        """Whole frames; what is left of the last one. Raises Cut where the connection is to end."""
        at = 0
        while True:
            end = data.find(b"\n\n", at)
            size = (len(data) if end < 0 else end + 2) - at
            is_cut_here = self._cut is not None and self._frames >= self._cut[0]
            if is_cut_here and self._cut is not None and size > self._cut[1]:
                self._note_cut(data[at : at + size], self._cut[1])
                raise Cut
            if end < 0:
                return data[at:]
            self._take(data[at:end])
            self._frames += 1
            at = end + 2
            if is_cut_here:
                raise Cut
            if self._is_done is not None and self._connection is not None and self._is_done(self._connection):
                raise Cut

    def _note_cut(self, frame: bytes, at: int) -> None:
        if frame.startswith((b"event: sync.", b"event: registry.")):
            self._tally.cut_at[at] += 1

    def _take(self, block: bytes) -> None:
        lines = [line for line in block.decode().split("\n") if not line.startswith(":")]
        fields = dict(line.split(": ", 1) for line in lines)
        name = fields.get("event", "retry")
        if name not in OURS:
            assert self._connection is not None
            self._tally.frame_bytes = max(self._tally.frame_bytes, len(block) + 2)
            self._desktop.take(self._connection, place(fields["id"]), orjson.loads(fields["data"]))
        elif name == "hello":
            epoch, seq = place(fields["id"])
            told = json.loads(fields["data"])
            self._connection = Connection(epoch, seq, seq, self._reset, last=told["last"])
            self._desktop.begin(self._connection)
        elif name == "hb":
            assert self._connection is not None
            self._desktop.move(self._connection, place(fields["id"]))
        else:
            data = json.loads(fields.get("data", "{}"))
            reason = data.get("reason", "")
            self._reset = reason if name == "reset" else self._reset
            self._tally.seen[f"{name} {reason}".strip()] += name != "retry"


def place(cursor: str) -> tuple[str, int]:
    epoch, _, seq = cursor.rpartition("-")
    return epoch, int(seq)


async def opened(port: int, *, is_slow: bool) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A slow one takes little into its buffers."""
    line = socket.socket()
    if is_slow:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    line.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(line, ("127.0.0.1", port))
        return await asyncio.open_connection(sock=line, limit=4096 if is_slow else 65_536)
    except BaseException:
        line.close()
        raise
