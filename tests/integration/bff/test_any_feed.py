"""Random events to random audiences while streams connect, drop, resume, poll and lie: each gets its own once, in order."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis.db import Database
from chassis.outgoing import http_client
from tests.infra import Databases, TestPostgres
from tests.integration.bff.desk import Desk
from tests.integration.bff.feed import ids, say
from tests.integration.bff.line import Line, connected
from tests.integration.bff.stage import BASE, Bff, Stage
from tests.integration.bff.test_cursors import position
from tests.integration.bff.test_isolation import hears
from tests.integration.bff.test_polling import events, poll

DESKS = 3
AUDIENCES = ["all", "p.harbour", "p.airport", "r.front__desk", "o.0", "o.1", "d.0", "d.2"]
"""A digit stands for the member or the device of that desk."""
PROPERTIES = st.sets(st.sampled_from(["harbour", "airport"])).map(lambda names: tuple(sorted(names)))
SAY = st.tuples(
    st.just("say"), st.integers(0, 1), st.lists(st.sampled_from(AUDIENCES), min_size=1, max_size=12)
)
CONNECT = st.tuples(st.just("connect"), st.integers(0, DESKS - 1), st.booleans())
DROP = st.tuples(st.just("drop"), st.integers(0, DESKS - 1), st.just(0))
POLL = st.tuples(st.just("poll"), st.integers(0, DESKS - 1), st.booleans())
FORGE = st.tuples(st.just("forge"), st.integers(0, DESKS - 1), st.integers(0, 10**6))
LIE = st.tuples(
    st.just("lie"), st.integers(0, DESKS - 1), st.sampled_from(["18c0ffee-7", "x", "-0", "{}-1-2"])
)
STEPS = st.lists(st.one_of(SAY, CONNECT, DROP, POLL, FORGE, LIE), min_size=3, max_size=14)


@dataclass
class Client:
    """A desk with what it has kept over all its connections."""

    desk: Desk
    cursor: str
    got: list[tuple[int, str]] = field(default_factory=list)
    owed: list[str] = field(default_factory=list)
    line: Line | None = None
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    first: int = 0
    """Where it began."""

    def __post_init__(self) -> None:
        self.first = position(self.cursor)

    async def connect(self, http: httpx.AsyncClient, bff: Bff) -> None:
        await self.drop()
        self.line = await self.stack.enter_async_context(connected(http, self.desk, bff, self.cursor))

    async def poll(self, http: httpx.AsyncClient, bff: Bff) -> None:
        """Instead of a stream, from where it left off; a few at a time."""
        await self.drop()
        answer = await poll(http, self.desk, bff, self.cursor, limit=3)
        self.cursor = answer.headers["feed-next"]
        if answer.status_code == 200:
            assert answer.json()["control"] == []
            self._keep([event["cursor"] for event in answer.json()["events"]], events(answer))

    async def forge(self, chance: int) -> None:
        """It makes a cursor up: some place that it has been at, so that it is given a part again."""
        await self.drop()
        epoch, _, number = self.cursor.rpartition("-")
        seq = self.first + chance % (int(number) - self.first + 1)
        self.cursor = f"{epoch}-{seq}"
        self.got = [(at, id_) for at, id_ in self.got if at <= seq]

    async def lie(self, http: httpx.AsyncClient, bff: Bff, made_up: str) -> None:
        """A cursor that leads nowhere: it is reset, and given what is its own from then on."""
        await self.connect(http, bff)
        assert self.line is not None
        await self.line.got(len(self.owed) - len(self.got))
        await self.drop()
        assert [id_ for _, id_ in self.got] == self.owed
        polled = (await poll(http, self.desk, bff, made_up)).json()
        assert ([said["event"] for said in polled["control"]], polled["events"]) == (["reset"], [])
        async with connected(http, self.desk, bff, made_up) as line:
            await line.opened()
            assert len(line.said("reset")) == 1
            self.cursor = line.cursor
        self.got, self.owed, self.first = [], [], position(self.cursor)

    def _keep(self, cursors: list[str], found: list[dict[str, Any]]) -> None:
        self.got += [(position(at), id_) for at, id_ in zip(cursors, ids(found), strict=True)]

    async def drop(self) -> None:
        """Wherever the connection is just now: opening, replaying, live."""
        await self.stack.aclose()
        self.stack = AsyncExitStack()
        if self.line is not None:
            self._keep(self.line.ids, self.line.events)
            self.cursor = self.line.cursor or self.cursor
            assert self.line.said("reset") == []
            self.line = None


@dataclass
class Play:
    """One example: tenants and clients of its own on the shared processes."""

    database: Database
    http: httpx.AsyncClient
    bffs: tuple[Bff, Bff]
    clients: list[Client]

    async def act(self, step: tuple[str, int, object]) -> None:
        name, number, what = step
        if name == "connect":
            await self.clients[number].connect(self.http, self.bffs[bool(what)])
        elif name == "drop":
            await self.clients[number].drop()
        elif name == "poll":
            await self.clients[number].poll(self.http, self.bffs[bool(what)])
        elif name == "lie" and isinstance(what, str):
            await self.clients[number].lie(self.http, self.bffs[0], what)
        elif name == "forge" and isinstance(what, int):
            await self.clients[number].forge(what)
        elif isinstance(what, list):
            await self.say(number, what)

    async def say(self, tenant: int, named: list[str]) -> None:
        tenant_id = self.clients[0 if tenant == 0 else DESKS - 1].desk.tenant_id
        audiences = [self.real(name) for name in named]
        said = await say(self.database, tenant_id, audiences, 400)
        for client in self.clients:
            if client.desk.tenant_id == tenant_id:
                heard = hears(client.desk)
                client.owed += [id_ for id_, name in zip(said, audiences, strict=True) if name in heard]

    def real(self, name: str) -> str:
        kind, _, number = name.partition(".")
        if kind not in {"o", "d"}:
            return name
        desk = self.clients[int(number)].desk
        return f"o.{desk.member_id}" if kind == "o" else f"d.{desk.device_id}"

    async def end(self) -> None:
        """Everybody comes back and takes what is left; then nothing more may come."""
        for client in self.clients:
            await client.connect(self.http, self.bffs[0])
            assert client.line is not None
            await client.line.got(len(client.owed) - len(client.got))
        for client in self.clients:
            await client.drop()
            assert [id_ for _, id_ in client.got] == client.owed


@pytest.fixture
def loop() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(scopes=st.lists(PROPERTIES, min_size=DESKS, max_size=DESKS), steps=STEPS)
def test_whatever_happens_each_client_ends_with_its_own_frames_once_and_in_order(
    stage: Stage,
    large: Bff,
    small: Bff,
    postgres: TestPostgres,
    bff_database: str,
    loop: asyncio.Runner,
    scopes: list[tuple[str, ...]],
    steps: list[tuple[str, int, object]],
) -> None:
    """Two desks of one tenant and one of another, on a process with all in its ring and on one that forgets."""

    async def play() -> None:
        databases = Databases(postgres, bff_database)
        async with http_client(timeout=20.0) as http:
            database = await databases.open("bff")
            clients = await new_clients(stage, database, http, large, scopes)
            acting = Play(database, http, (large, small), clients)
            for step in steps:
                await acting.act(step)
            await acting.end()
            await databases.close()

    loop.run(play())


async def new_clients(
    stage: Stage, database: Database, http: httpx.AsyncClient, bff: Bff, scopes: list[tuple[str, ...]]
) -> list[Client]:
    desks = [Desk(stage.issuer, properties=scope) for scope in scopes]
    desks[1].tenant_id = desks[0].tenant_id
    clients = []
    for desk in desks:
        await desk.enrol(database)
        shown = await desk.send(http, "GET", f"{bff.api}{BASE}/bootstrap")
        clients.append(Client(desk, shown.json()["cursor"]))
    return clients
