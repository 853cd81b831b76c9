"""Any sequence of imports, changes, refusals and crashes ends where the last ones say; only real changes are told."""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis.clock import ManualClock
from chassis.db import Database, Tx
from services.registry.errors import ScopesRefused
from services.registry.identity import NewMember
from services.registry.members import operations as members
from services.registry.members import store as member_store
from services.registry.properties import operations as properties
from services.registry.scopes import imports
from services.registry.scopes import operations as scopes
from services.registry.scopes.imports import Row
from services.registry.scopes.model import Wish
from services.registry.tenants import operations as tenants
from tests.infra import TestPostgres
from tests.integration.registry.life import BEGAN, LADDER, Life

Place = tuple[str, str]
MEMBERS, PROPERTIES = ["m1", "m2", "m3"], ["airport", "harbour", "lake"]
ROLES = st.none() | st.frozensets(st.sampled_from(["front_desk", "housekeeping", "maintenance"]), max_size=3)
PLACES = st.tuples(st.sampled_from(MEMBERS), st.sampled_from(PROPERTIES))
FILES = st.dictionaries(PLACES, ROLES, min_size=1, max_size=6)
OPS = st.one_of(
    st.tuples(st.sampled_from(["import", "dry run", "die in an import", "import with a fault"]), FILES),
    st.tuples(st.just("set"), PLACES, ROLES),
    st.tuples(st.just("join again"), st.sampled_from(MEMBERS), st.frozensets(st.sampled_from(PROPERTIES))),
    st.tuples(st.just("deactivate"), st.sampled_from(MEMBERS)),
)


class PowerCutError(Exception):
    """In the middle of a transaction."""


@dataclass
class Pair:
    """The registry and the reference, given the same causes."""

    life: Life
    tenant_id: UUID
    scopes: dict[str, dict[str, frozenset[str]]] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    said: list[tuple[str, str, Any]] = field(default_factory=list)
    """(verb, member, properties) of all that is to be said."""

    @contextlib.asynccontextmanager
    async def writing(self) -> Any:
        async with self.life.database.transaction(self.tenant_id) as tx:
            await tenants.lock_writable(tx, self.tenant_id, LADDER, self.life.clock.now())
            yield tx

    async def set_up(self) -> None:
        async with self.writing() as tx:
            for code in PROPERTIES:
                await properties.add(tx, self.tenant_id, code, code, "UTC", self.life.clock.now())
        for name in MEMBERS:
            await self.join(name, frozenset())

    async def do(self, op: tuple[Any, ...]) -> None:
        match op:
            case ("set", place, roles):
                await self.set(place, roles)
            case ("join again", name, at):
                await self.join(name, at)
            case ("deactivate", name):
                await self.deactivate(name)
            case (how, file):
                await self.take(how, file)

    def expect(self, wishes: dict[Place, frozenset[str] | None]) -> None:
        before = {name: dict(scope) for name, scope in self.scopes.items()}
        for (name, at), roles in wishes.items():
            if roles is None:
                self.scopes[name].pop(at, None)
            else:
                self.scopes[name][at] = roles
        for name in sorted(MEMBERS):
            if self.scopes[name] != before[name]:
                self.said.append(("member.scope_changed", name, sorted(self.scopes[name])))

    async def join(self, name: str, at: frozenset[str]) -> None:
        new = NewMember(f"{name}@x.example", name, "en", [], ["front_desk"] if at else [], sorted(at))
        async with self.writing() as tx:
            await members.join(tx, self.tenant_id, name, new, self.life.clock.now())
        self.scopes[name] = dict.fromkeys(at, frozenset({"front_desk"}))
        self.gone.discard(name)
        self.said.append(("member.joined", name, sorted(at)))

    async def deactivate(self, name: str) -> None:
        if name in self.gone:
            return
        async with self.writing() as tx:
            row = await member_store.active_member(tx, self.tenant_id, name)
            await members.deactivate(tx, row, self.life.clock.now())
        self.scopes[name] = {}
        self.gone.add(name)
        self.said.append(("member.deactivated", name, None))

    async def set(self, place: Place, roles: frozenset[str] | None) -> None:
        name, at = place
        if name in self.gone:
            return
        async with self.writing() as tx:
            row = await member_store.active_member(tx, self.tenant_id, name)
            found = await scopes.foresee(tx, self.tenant_id, [Wish(name, at, roles)])
            versions = {name: row["row_version"]}
            await scopes.write(tx, self.tenant_id, found, versions, self.life.clock.now())
        self.expect({place: roles})

    async def take(self, how: str, file: dict[Place, frozenset[str] | None]) -> None:
        """By address and by id in turns; a file that names somebody who is gone is refused whole."""
        rows = [
            Row(f"{name}@x.example" if index % 2 else name, at, roles)
            for index, ((name, at), roles) in enumerate(file.items())
        ]
        wrong = [index for index, (name, _) in enumerate(file) if name in self.gone]
        if how == "import with a fault":
            wrong.append(len(rows))
            rows.append(Row("nobody", "airport", None))
        try:
            async with self.writing() as tx:
                await self.run(tx, how, rows)
        except PowerCutError:
            assert not wrong
        except ScopesRefused as refused:
            named = [int(fault["pointer"].split("/")[2]) for fault in refused.extras["errors"]]
            assert named == wrong  # which rows is the reference's to say
        else:
            assert not wrong
            self.expect(file if how == "import" else {})

    async def run(self, tx: Tx, how: str, rows: list[Row]) -> None:
        await imports.run(tx, self.tenant_id, rows, self.life.clock.now(), is_dry=how == "dry run")
        if how == "die in an import":
            raise PowerCutError


async def live(database_of: Any, ops: list[tuple[Any, ...]]) -> None:
    database, admin = await database_of()
    try:
        life = Life(database, admin, ManualClock(BEGAN))
        pair = Pair(life, await life.new_trial())
        await pair.set_up()
        for op in ops:
            await pair.do(op)
        await compare(pair)
    finally:
        await database.close()
        await admin.close()


async def compare(pair: Pair) -> None:
    async with pair.life.database.reading(pair.tenant_id) as tx:
        found = await scopes.scopes_of(tx, pair.tenant_id, MEMBERS)
        summed = {name: await member_store.member(tx, pair.tenant_id, name) for name in MEMBERS}
    assert {name: found.get(name, {}) for name in MEMBERS} == pair.scopes
    told = [(verb, body) for verb, body in await pair.life.said(pair.tenant_id) if verb.startswith("member.")]
    assert [(verb, body["member_id"], body.get("properties")) for verb, body in told] == pair.said
    for name, row in summed.items():
        scope = pair.scopes[name]
        roles = sorted({role for held in scope.values() for role in held})
        assert (row["properties"], row["backoffice_roles"]) == (sorted(scope), roles)
        last = [body for _, body in told if body["member_id"] == name][-1]
        assert (last.get("properties", []), last.get("backoffice_roles", [])) == (sorted(scope), roles)


@pytest.fixture
def database_of(postgres: TestPostgres) -> Iterator[Any]:
    """Opens the same database in the loop of each example."""
    name = asyncio.run(postgres.clone())

    async def open_() -> tuple[Database, asyncpg.Connection]:
        dsns = postgres.dsns("registry", name)
        database = Database("registry", dsns.database_url, dsns.worker_database_url)
        return database, await asyncpg.connect(dsns.admin_dsn)

    yield open_
    asyncio.run(postgres.drop(name))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ops=st.lists(OPS, max_size=14))
def test_scopes_end_as_the_last_word_says_and_only_changes_are_said(
    database_of: Any, ops: list[tuple[Any, ...]]
) -> None:
    asyncio.run(live(database_of, ops))
