"""Snapshot and tail: a first screen that is drawn once and kept by the stream equals the tables, whatever happens."""

import asyncio
import contextlib
import json
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, cast

import asyncpg
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis.bus import Bus
from chassis.db import Database
from chassis.service_tokens import ServiceTokens
from contracts import http_examples
from contracts.envelope import Message
from contracts.event import Event
from contracts.registry import MemberScopeChangedV1, TenantFrozenV1, TenantReactivatedV1
from desktop.overview import Overview
from services.bff.bootstrap.api import Snapshots
from services.bff.directory import Directory
from services.bff.projector import project
from tests.infra import Databases, TestPostgres, eventually
from tests.integration.bff.conftest import NewDesk
from tests.integration.bff.desk import Desk, envelope_of, know, new_key
from tests.integration.bff.feed import say
from tests.integration.bff.limits_worker import LIMITS
from tests.integration.bff.line import Line, connected
from tests.integration.bff.stage import BASE, LARGE, Bff, Stage, nowhere
from tests.integration.bff.test_deactivated import guest_of
from tests.integration.bff.test_sessions import open_session

PARTS = ("tenant", "entitlements", "member", "session")
KINDS = ("tenant", "entitlements", "member")
CHANGES = st.lists(st.sampled_from(KINDS), min_size=1, max_size=4)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("change"), CHANGES, st.booleans()),
        st.tuples(st.just("draw"), CHANGES, st.booleans()),
        st.tuples(st.just("connect"), st.just(()), st.booleans()),
        st.tuples(st.just("reset"), CHANGES, st.booleans()),
        st.tuples(st.just("drop"), st.just(()), st.booleans()),
        st.tuples(st.just("sit"), st.just(()), st.booleans()),
    ),
    min_size=4,
    max_size=14,
)


@dataclass
class Screen:
    """A desk with its first screen, on whichever process it happens to be; and the registry that changes things."""

    database: Database
    http: httpx.AsyncClient
    bffs: tuple[Bff, Bff]
    desk: Desk
    overview: Overview = field(default_factory=Overview)
    cursor: str = ""
    applied: int = 0
    line: Line | None = None
    session: str = ""
    versions: dict[str, int] = field(default_factory=lambda: {"tenant": 10, "member": 10})
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def act(self, step: tuple[str, Any, bool]) -> None:
        name, changes, flag = step
        bff = self.bffs[flag]
        if name == "change":
            await self.change(changes, is_swapped=flag)
        elif name == "draw":  # while things change
            await asyncio.gather(self.draw(bff), self.change(changes, is_swapped=flag))
        elif name == "connect":
            await self.connect(bff)
        elif name == "reset":
            await self.drop()
            self.cursor = "18c0ffee-7"
            await self.change(changes, is_swapped=flag)
            await self.connect(bff)
            await asyncio.gather(self.draw(self.bffs[not flag]), self.change(changes, is_swapped=not flag))
        elif name == "drop":
            await self.drop()
        else:
            await self.sit(bff)

    async def sit(self, bff: Bff) -> None:
        """Open a session and draw it, or close it; the screen hears of the end from the stream alone."""
        if self.session:
            url = f"{bff.api}{BASE}/sessions/{self.session}"
            assert (await self.desk.send(self.http, "DELETE", url)).status_code == 204
            self.session = ""
        else:
            answer = await open_session(bff, self.http, self.desk)
            assert answer.status_code == 201, answer.text
            self.session = answer.json()["session_id"]
            await self.draw(bff)

    async def draw(self, bff: Bff) -> None:
        answer = await self.desk.send(self.http, "GET", f"{bff.api}{BASE}/bootstrap")
        assert answer.status_code == 200, answer.text
        snapshot = answer.json()
        self.take_events()
        self.overview.take(snapshot)
        self.cursor = self.cursor or snapshot["cursor"]

    async def connect(self, bff: Bff) -> None:
        await self.drop()
        self.line = await self.stack.enter_async_context(connected(self.http, self.desk, bff, self.cursor))
        await self.line.opened()
        if self.line.said("reset"):
            self.overview.forget()

    def take_events(self) -> None:
        if self.line is None:
            return
        for event in self.line.events[self.applied :]:
            self.overview.apply(event)
            self.applied += 1

    async def drop(self) -> None:
        await self.stack.aclose()
        self.stack = AsyncExitStack()
        if self.line is not None:
            self.take_events()
            self.cursor = self.line.cursor or self.cursor
        self.line, self.applied = None, 0

    async def change(self, kinds: list[str], *, is_swapped: bool) -> None:
        """As the inbox does, one transaction each; swapped, they come in another order than they happened."""
        told = [self.event(kind) for kind in kinds]
        for event, version in reversed(told) if is_swapped else told:
            async with self.database.worker() as tx:
                await project(tx, [Message(envelope_of(event, version), event.data())])

    def event(self, kind: str) -> tuple[Event, int]:
        aggregate = "member" if kind == "member" else "tenant"
        self.versions[aggregate] = version = self.versions[aggregate] + 1
        tenant, now = self.desk.tenant_id, datetime.now(UTC)
        if kind == "member":
            rooms = ("harbour", *(("airport",) if version % 2 else ()))
            scope = {"backoffice_roles": (f"role{version}",), "properties": rooms}
            return MemberScopeChangedV1(tenant_id=tenant, member_id=self.desk.member_id, **scope), version
        if kind == "entitlements":
            return self.desk.entitled(f"product{version}", ent_v=version), version
        if version % 2:
            frozen = TenantFrozenV1(
                tenant_id=tenant, frozen_reason="non_payment", frozen_at=now, archive_at=now
            )
            return frozen, version
        return TenantReactivatedV1(tenant_id=tenant, reactivated_at=now), version

    async def end(self) -> None:
        """Everything said comes, the end of a session by a longer way; then the screen is what the tables say."""
        if not self.overview.is_drawn:
            await self.draw(self.bffs[0])
        [last] = await say(self.database, self.desk.tenant_id, ["all"])
        shown: dict[str, Any] = {}
        tables: dict[str, Any] = {}

        async def has_come() -> bool:
            if self.line is None or self.line.is_over:
                await self.connect(self.bffs[0])
            assert self.line is not None
            return any(event["id"] == last for event in self.line.events)

        async def is_true() -> bool:
            if self.line is None or self.line.is_over:
                await self.connect(self.bffs[0])
            self.take_events()
            shown.update(self.overview.shown())
            answer = await self.desk.send(self.http, "GET", f"{self.bffs[0].api}{BASE}/bootstrap")
            tables.update({name: answer.json()[name] for name in PARTS})
            return shown == tables

        await eventually(has_come, 30, "the last event")
        with contextlib.suppress(AssertionError):
            await eventually(is_true, 10)
        assert shown == tables


@pytest.fixture
def loop() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS)
def test_the_first_screen_kept_by_the_stream_is_what_the_tables_say(
    stage: Stage,
    large: Bff,
    small: Bff,
    postgres: TestPostgres,
    bff_database: str,
    loop: asyncio.Runner,
    steps: list[tuple[str, Any, bool]],
) -> None:
    async def play() -> None:
        databases = Databases(postgres, bff_database)
        database = await databases.open("bff")
        try:
            async with httpx.AsyncClient(trust_env=False, timeout=20.0) as http:
                desk = await Desk(stage.issuer, properties=("airport", "harbour")).enrol(database)
                screen = Screen(database, http, (large, small), desk)
                try:
                    await screen.draw(large)
                    for step in steps:
                        await screen.act(step)
                    await screen.end()
                finally:
                    await screen.stack.aclose()
        finally:
            await databases.close()

    loop.run(play())


async def is_held_up(database: Database) -> bool:
    async with database.platform_reading() as tx:
        return bool(
            await tx.fetchval("select count(*) from pg_locks where locktype = 'relation' and not granted")
        )


async def test_the_cursor_is_older_than_the_tables(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk, bff_data: Database, stage: Stage
) -> None:
    """What changes while the tables are read is behind the cursor, and so in the stream."""
    desk = await new_desk()
    beside = await new_desk(tenant_id=desk.tenant_id)
    now = datetime.now(UTC)
    frozen = TenantFrozenV1(
        tenant_id=desk.tenant_id, frozen_reason="non_payment", frozen_at=now, archive_at=now
    )
    holder = await asyncpg.connect(stage.dsns.admin_dsn)
    try:
        async with connected(http, beside, large) as line, asyncio.TaskGroup() as group:
            await line.opened()
            async with holder.transaction():
                await holder.execute("lock table bff.session")  # read last, after the snapshot was taken
                asked = group.create_task(desk.send(http, "GET", f"{large.api}{BASE}/bootstrap"))
                await eventually(lambda: is_held_up(bff_data), what="a first screen that waits")
                async with bff_data.worker() as tx:
                    await project(tx, [Message(envelope_of(frozen, 9), frozen.data())])
                await line.got(1)
        shown = asked.result().json()
    finally:
        await holder.close()
    assert shown["tenant"]["status"] == "active"
    async with connected(http, desk, large, shown["cursor"]) as line:
        [event] = await line.got(1)
    assert (event["type"], event["aggregate_version"]) == (frozen.type, 9)


async def test_nothing_of_it_is_older_than_the_cursor(
    new_desk: NewDesk, bff_data: Database, stage: Stage, large: Bff, http: httpx.AsyncClient
) -> None:
    """What the door saw, and what the token says, is from before."""
    desk = await new_desk(properties=("harbour", "airport"))
    snapshots = Snapshots(bff_data, unreachable(), LIMITS)
    guest = guest_of(desk)
    moved = MemberScopeChangedV1(
        tenant_id=desk.tenant_id,
        member_id=desk.member_id,
        backoffice_roles=("maintenance",),
        properties=("airport",),
    )
    await know(bff_data, moved, 5)
    await know(bff_data, desk.entitled("compliance_suite", ent_v=9), 9)
    facts, _ = await snapshots.take(guest, None, datetime.now(UTC))
    assert (facts.member["properties"], facts.member["backoffice_roles"]) == (["airport"], ["maintenance"])
    desk.claims = {
        "organization": {"hotel": {"id": "1", "tenant_id": [str(desk.tenant_id)], "products": ["x"]}}
    }
    shown = (await desk.send(http, "GET", f"{large.api}{BASE}/bootstrap")).json()
    assert shown["entitlements"] == {
        "plan": "starter",
        "ent_v": 9,
        "products": ["compliance_suite"],
        "version": 9,
    }


def unreachable() -> Directory:
    """Of a registry that nobody should ask."""
    key = json.dumps(new_key().as_dict(private=True))
    tokens, silent = ServiceTokens(nowhere(), "bff", key), Bus("bff", nowhere(), "")
    return Directory(cast("Database", None), silent, nowhere(), tokens, seconds=0)


ANSWERS = http_examples.read("registry")


class Registry(BaseHTTPRequestHandler):
    """Answers as the registry was recorded to; of a tenant and a member that it is asked for."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        *_, tenant, rest = self.path.split("/", 5)
        tenant_id, _, member = rest.partition("/members/")
        if tenant != "tenants" or "/" in tenant_id:
            self.send_error(404)
            return
        path = f"/internal/v1/directory/tenants/{{tenant_id}}{'/members/{member_id}' if member else ''}"
        told = dict(ANSWERS[f"GET {path}"][0].response)
        told |= {"member_id": member} if member else {"tenant_id": tenant_id}
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # their name
        """Quiet."""


@pytest.fixture
async def learning(stage: Stage) -> AsyncIterator[Bff]:
    """A bff whose registry answers."""
    Registry.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Registry) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        bff = await stage.start_bff("learning", f"http://127.0.0.1:{server.server_port}", LARGE)
        yield bff
        bff.process.signal(signal.SIGTERM)
        await bff.process.ended()
        server.shutdown()
        thread.join()


async def test_what_is_not_known_is_asked_from_the_registry_once_and_refused_while_it_is_down(
    learning: Bff, small: Bff, http: httpx.AsyncClient, stage: Stage, bff_data: Database
) -> None:
    desk = Desk(stage.issuer)
    for event in (desk.activated(), desk.joined(), desk.enrolled()):
        await know(bff_data, event)  # so much that the door knows it, and not its name nor what it may use
    refused = await desk.send(http, "GET", f"{small.api}{BASE}/bootstrap")
    assert (refused.status_code, refused.json()["code"]) == (503, "CHASSIS.UNAVAILABLE")
    assert int(refused.headers["retry-after"]) > 0
    for _ in range(3):
        answer = await desk.send(http, "GET", f"{learning.api}{BASE}/bootstrap")
        assert answer.status_code == 200, answer.text
    told = ANSWERS["GET /internal/v1/directory/tenants/{tenant_id}"][0].response
    shown = answer.json()
    assert {name: shown["tenant"][name] for name in ("slug", "name", "locale", "time_zone")} == {
        name: told[name] for name in ("slug", "name", "locale", "time_zone")
    }
    assert shown["entitlements"] == {
        "plan": told["plan"],
        "ent_v": told["ent_v"],
        "products": sorted(told["products"]),
        "version": told["row_version"],
    }
    assert shown["member"]["properties"] == ["harbour"], "of the member a newer word was known"
    base = f"/internal/v1/directory/tenants/{desk.tenant_id}"
    assert Registry.asked == [base, f"{base}/members/{desk.member_id}"]
    assert (await desk.send(http, "GET", f"{small.api}{BASE}/bootstrap")).status_code == 200
