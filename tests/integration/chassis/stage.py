"""A consuming service on a test's database: a table of effects and the ways to look at what the inbox did."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg

from chassis.context import current_origin
from chassis.db import Database, Tx
from chassis.inbox import Dispatch, dispatch
from contracts.envelope import Message, Received
from contracts.registry import TenantTrialStartedV1

SERVICE = "audit"
STREAM = "REGISTRY"
DURABLE = "audit-inbox"

EFFECTS = """
create table {service}.effect (
    n bigint generated always as identity,
    event_id uuid not null,
    subject text not null,
    version bigint not null,
    tenant text,
    role text not null,
    causation text
);
create table {service}.newest (subject text primary key, version bigint not null);
create table {service}.kept (event_id uuid primary key);
create table {service}.promise (event_id uuid references {service}.kept deferrable initially deferred);
grant select, insert, update on {service}.effect, {service}.newest, {service}.promise to {service}_app, {service}_worker;
"""
WRITE_EFFECT = """
insert into effect (event_id, subject, version, tenant, role, causation)
values ($1, $2, $3, nullif(current_setting('tenantry.tenant_id', true), ''), current_user, $4)
"""
WRITE_NEWEST = """
insert into newest (subject, version) values ($1, $2)
on conflict (subject) do update set version = excluded.version where newest.version < excluded.version
"""


@dataclass(frozen=True)
class Stage:
    """`admin` sees everything; the service's own view is `database`."""

    database: Database
    admin: asyncpg.Connection

    async def effects(self) -> list[UUID]:
        """Ids of applied events in the order of their application."""
        return [
            row["event_id"] for row in await self.admin.fetch("select event_id from audit.effect order by n")
        ]

    async def effect_rows(self) -> list[dict[str, Any]]:
        return [dict(row) for row in await self.admin.fetch("select * from audit.effect order by n")]

    async def newest(self) -> dict[str, int]:
        return {
            row["subject"]: row["version"] for row in await self.admin.fetch("select * from audit.newest")
        }

    async def seen(self) -> dict[str, str]:
        """Epoch → the numbers received."""
        rows = await self.admin.fetch("select epoch, seen::text from audit.source_progress")
        return {row["epoch"]: row["seen"] for row in rows}

    async def inbox(self) -> list[dict[str, Any]]:
        return [dict(row) for row in await self.admin.fetch("select * from audit.inbox")]

    async def letters(self) -> list[dict[str, Any]]:
        return [
            dict(row)
            for row in await self.admin.fetch("select * from audit.dead_letter order by dead_at, id")
        ]


async def set_stage(database: Database, admin: asyncpg.Connection) -> Stage:
    await admin.execute(EFFECTS.format(service=SERVICE))
    return Stage(database, admin)


async def write_effect(tx: Tx, message: Message | Received[Any]) -> None:
    """An effect per call, so that a second application shows, and the newest version as a handler must keep it."""
    envelope = message.envelope
    await tx.fetchval(
        WRITE_EFFECT, envelope.id, envelope.subject, envelope.aggregate_version, current_origin().causation_id
    )
    await tx.fetchval(WRITE_NEWEST, envelope.subject, envelope.aggregate_version)


async def write_effects(tx: Tx, messages: Sequence[Message]) -> None:
    """As a batch function."""
    for message in messages:
        await write_effect(tx, message)


async def promise(tx: Tx, message: Message | Received[Any]) -> None:
    """Breaks a constraint that is looked at on commit only."""
    await tx.execute("insert into promise (event_id) values ($1)", message.envelope.id)


def one_by_one() -> Dispatch:
    """As a table of handlers."""
    return dispatch({TenantTrialStartedV1: write_effect})
