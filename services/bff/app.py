"""Composes the bff: the only file that knows all the others."""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path

from fastapi import APIRouter

from chassis.backbone import backbone, connect
from chassis.bound_tokens import says_nonce
from chassis.bucket import Bucket
from chassis.clock import Clock, SystemClock
from chassis.db import Database
from chassis.inbox import Apply
from chassis.outbox import Lane
from chassis.outgoing import http_client
from chassis.pages import PageTokens
from chassis.runtime import Part, Service
from chassis.service_tokens import ServiceTokens
from chassis.switches import Switches
from chassis.watched import Watched
from contracts import settings as bucket
from contracts.subjects import FEED
from services.bff import polling
from services.bff.admission import Admit
from services.bff.bootstrap import api as bootstrap
from services.bff.controls import Controls
from services.bff.devices import api as devices
from services.bff.directory import Directory
from services.bff.door import Door
from services.bff.feed_reader import FeedReader
from services.bff.hub import Hub
from services.bff.lag import events_behind
from services.bff.listener import StreamListener
from services.bff.locks import halts
from services.bff.locks.composed import Locks
from services.bff.mutations import Mutations
from services.bff.projector import project
from services.bff.sessions import api as sessions
from services.bff.sessions.desks import Desks
from services.bff.sessions.limits import SessionLimits
from services.bff.sessions.retention import ClosedSessions
from services.bff.sessions.warnings import SessionWarnings
from services.bff.settings import Settings
from services.bff.stream_page import pages
from services.bff.streams import Streams
from services.bff.sync import api as sync
from services.bff.tails import Tails

SERVICE = "bff"
SYNC_SECONDS = 20.0
DRAIN_SHARE = 0.75
"""Of the time that the process has for its end; the rest is for what is in flight."""
MIGRATIONS = Path(__file__).with_name("migrations")
HEARS: Mapping[str, Apply] = {"REGISTRY": project, "SYNC": project, "BFF": project, "AUDIT": halts.hear}
"""Stream → what is done with its messages."""


def compose(settings: Settings) -> Service:
    """Called inside the running loop."""
    clock = SystemClock()
    database, bus = connect(SERVICE, settings, MIGRATIONS)
    lanes = [Lane("feed", FEED)]
    shared = backbone(SERVICE, settings, clock, database, bus, hears=HEARS, lanes=lanes)
    watched = Watched(Bucket(bus, bucket.STREAM, bucket.PREFIX), database, clock)
    switches = Switches(watched)
    shared.health.tell(watched.name, watched.status)
    shared.health.need(watched.name, switches.are_told)
    tokens = ServiceTokens(settings.oidc_issuer, SERVICE, settings.service_key.get_secret_value())
    directory = Directory(database, bus, settings.registry_url, tokens, seconds=settings.directory_seconds)
    shared.health.tell("directory", directory.news.status)
    secret_of_nonces = settings.service_key.get_secret_value().encode()
    door = Door(shared.verifier, directory, switches, secret_of_nonces, settings.fresh_seconds)
    mutations = Mutations(database)
    hub = Hub(
        epoch="",
        head=0,
        ring_bytes=settings.ring_bytes,
        rings_bytes=settings.rings_bytes,
        unsent_bytes=settings.unsent_bytes,
        parked_seconds=settings.parked_seconds,
        beat_seconds=settings.stream_heartbeat,
    )
    reader = FeedReader(bus, hub, settings.warm_messages, directory.forget)
    desks = Desks(database, clock, settings.limits)
    controls = Controls(hub, switches, clock)
    streams = Streams(door, desks, bus, reader, Tails(hub, bus, database), controls, settings)
    shared.health.tell(reader.name, reader.status)
    shared.health.tell("streams", streams.status)
    watched.on_change(controls.settings_changed)
    admit = Admit(door, settings.public_origin)
    snapshots = bootstrap.Snapshots(database, directory, settings.limits)
    page_tokens = PageTokens(settings.page_token_key.get_secret_value().encode())
    to_sync = http_client(base_url=settings.sync_url, auth=tokens.auth("sync"), timeout=SYNC_SECONDS)
    locks = Locks(database, bus, clock, switches, hub, settings)
    routers: list[APIRouter] = [
        sessions.router(mutations, admit, clock, settings, switches, partial(events_behind, hub)),
        bootstrap.router(admit, snapshots, clock, switches, reader.cursor),
        devices.router(database, admit, clock, page_tokens, settings.limits.interval),
        sync.router(mutations, admit, to_sync),
        polling.router(streams, admit, settings),
        locks.router(mutations, admit),
    ]
    kept = [*keepers(database, clock, settings, hub), *locks.parts]
    for_streams = settings.drain_seconds * DRAIN_SHARE
    listener = StreamListener(streams, settings.host, settings.stream_port, for_streams)
    return shared.service(
        routers,
        [watched, directory.news, reader, controls, mutations, *kept],
        [listener],
        [to_sync.aclose, directory.close, locks.close],
        pages(settings.stream_origin),
        says=says_nonce(door.nonce),
    )


def keepers(database: Database, clock: Clock, settings: Settings, hub: Hub) -> list[Part]:
    """What happens to desk sessions without anybody asking."""
    return [
        SessionLimits(database, clock, settings.limits, every=settings.limits_seconds),
        SessionWarnings(database, clock, settings.limits, hub),
        ClosedSessions(database, clock, timedelta(days=settings.session_kept_days)),
    ]
