"""What every service runs beside its own work: pools, bus, relay, replay, consumers, gaps, dead letters, upkeep."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import APIRouter

from chassis.auth import Authenticate, TokenVerifier
from chassis.bus import Bus
from chassis.clock import Clock
from chassis.db import Database
from chassis.dead_letters import DeadLetterReplayer
from chassis.gaps import GapFiller, OnGap, say_nothing
from chassis.health import Health
from chassis.http import Says, create_api
from chassis.inbox import Consumer, InboxSettings
from chassis.intake import Apply
from chassis.members import deactivated_in
from chassis.migrate import newest
from chassis.outbox import Lane
from chassis.partitioned_intake import IntakeProcesses, PartitionedIntake
from chassis.relay import Relay
from chassis.replay import ReplayResponder
from chassis.runtime import HttpServer, Part, Server, Service
from chassis.settings import ServiceSettings
from chassis.upkeep import Upkeep
from chassis.watchdog import Watchdog
from contracts.subjects import STREAMS


@dataclass(frozen=True, slots=True)
class Backbone:
    """The shared parts of one service, made by `backbone`; `service` joins them with what is its own."""

    name: str
    settings: ServiceSettings
    clock: Clock
    database: Database
    bus: Bus
    verifier: TokenVerifier
    health: Health
    replay: ReplayResponder
    parts: tuple[Part, ...]
    processes: IntakeProcesses | None

    def authenticate_members(self) -> Authenticate:
        """For a service that hears of members (`and_members`): who was deactivated is refused as soon as that is heard."""
        return Authenticate(self.verifier, deactivated_in(self.database))

    def service(
        self,
        routers: Sequence[APIRouter],
        parts: Sequence[Part] = (),
        servers: Sequence[Server] = (),
        closed: Sequence[Callable[[], Awaitable[None]]] = (),
        pages: Mapping[str, dict[str, Any]] | None = None,
        says: Says | None = None,
    ) -> Service:
        """The runnable service; `closed` are closed first, `pages` tell what `servers` answer over HTTP.

        `says` gives headers that go with every answer.
        """
        settings = self.settings
        opened = [self.processes.start] if self.processes else []
        closed = [self.processes.close, *closed] if self.processes else closed
        app = create_api(
            service=self.name,
            version="1",
            routers=routers,
            health=self.health,
            max_body_bytes=settings.max_body_bytes,
            request_seconds=settings.request_seconds,
            pages=pages,
            says=says,
        )
        return Service(
            self.name,
            self.health,
            [HttpServer(app, settings.host, settings.port, grace=settings.drain_seconds), *servers],
            [*self.parts, *parts],
            [self.database.open, self.bus.connect, self.replay.register, *opened],
            [*closed, self.bus.close, self.database.close],
            settings.drain_seconds,
        )


def connect(name: str, settings: ServiceSettings, migrations: Path) -> tuple[Database, Bus]:
    """The pools and the bus of a service; both connect in the background. Ready from the last of `migrations` on."""
    database = Database(
        name,
        settings.database_url.get_secret_value(),
        settings.worker_database_url.get_secret_value(),
        app_connections=settings.app_connections,
        worker_connections=settings.worker_connections,
        needs=newest(name, migrations),
    )
    return database, Bus(name, settings.nats_url, settings.nats_seed.get_secret_value())


def backbone(
    name: str,
    settings: ServiceSettings,
    clock: Clock,
    database: Database,
    bus: Bus,
    *,
    hears: Mapping[str, Apply] | None = None,
    inbox: InboxSettings | None = None,
    lanes: Sequence[Lane] = (),
    on_gap: OnGap = say_nothing,
    processes: IntakeProcesses | None = None,
) -> Backbone:
    """`hears` maps a stream to what is done with its messages; `lanes` are outboxes beside the service's own; `on_gap` is
    told of holes in what it hears; `processes` take in what it hears instead of this one, and do the same with it.
    """
    consumers = [
        Consumer(
            bus=bus,
            database=database,
            clock=clock,
            service=name,
            stream=stream,
            durable=f"{name}-inbox",
            apply=apply,
            settings=inbox,
            intake=PartitionedIntake(processes, stream) if processes else None,
        )
        for stream, apply in (hears or {}).items()
    ]
    relays = [Relay(database, bus, lane, clock) for lane in (Lane("outbox", STREAMS[name]), *lanes)]
    parts: list[Part] = [*relays, *consumers, Upkeep(database), Watchdog(bus=bus, consumers=consumers)]
    if consumers:
        parts += [
            GapFiller(
                bus=bus, database=database, clock=clock, service=name, consumers=consumers, on_gap=on_gap
            ),
            DeadLetterReplayer(database=database, clock=clock, consumers=consumers),
        ]

    async def bus_is_up() -> bool:
        return bus.is_connected

    told = {relay.name: relay.status for relay in relays}
    told |= {consumer.name: consumer.status for consumer in consumers}
    if processes:
        told[processes.name] = processes.status
    health = Health({"database": database.is_ready, "bus": bus_is_up}, told, settings.build)
    verifier = TokenVerifier(settings.oidc_issuer, name, clock)
    return Backbone(
        name,
        settings,
        clock,
        database,
        bus,
        verifier,
        health,
        ReplayResponder(database, bus),
        tuple(parts),
        processes,
    )
