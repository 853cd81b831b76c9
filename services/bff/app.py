"""Composes the bff: the only file that knows all the others."""

from pathlib import Path

from chassis.backbone import backbone, connect
from chassis.bucket import Bucket
from chassis.clock import SystemClock
from chassis.outbox import Lane
from chassis.runtime import Service
from chassis.service_tokens import ServiceTokens
from chassis.switches import Switches
from chassis.watched import Watched
from contracts import settings as bucket
from contracts.subjects import FEED
from services.bff import api, polling
from services.bff.controls import Controls
from services.bff.directory import Directory
from services.bff.door import Door
from services.bff.feed_reader import FeedReader
from services.bff.hub import Hub
from services.bff.listener import StreamListener
from services.bff.projector import project
from services.bff.settings import Settings
from services.bff.stream_page import pages
from services.bff.streams import Streams
from services.bff.tails import Tails

SERVICE = "bff"
DRAIN_SHARE = 0.75
"""Of the time that the process has for its end; the rest is for what is in flight."""
MIGRATIONS = Path(__file__).with_name("migrations")


def compose(settings: Settings) -> Service:
    """Called inside the running loop."""
    clock = SystemClock()
    database, bus = connect(SERVICE, settings, MIGRATIONS)
    shared = backbone(
        SERVICE,
        settings,
        clock,
        database,
        bus,
        hears={"REGISTRY": project, "SYNC": project},
        lanes=[Lane("feed", FEED)],
    )
    watched = Watched(Bucket(bus, bucket.STREAM, bucket.PREFIX), database, clock)
    switches = Switches(watched)
    shared.health.tell(watched.name, watched.status)
    shared.health.need(watched.name, switches.are_told)
    tokens = ServiceTokens(settings.oidc_issuer, SERVICE, settings.service_key.get_secret_value())
    door = Door(shared.verifier, Directory(database, settings.registry_url, tokens), switches)
    hub = Hub(
        epoch="",
        head=0,
        ring_bytes=settings.ring_bytes,
        rings_bytes=settings.rings_bytes,
        unsent_bytes=settings.unsent_bytes,
        parked_seconds=settings.parked_seconds,
        beat_seconds=settings.stream_heartbeat,
    )
    reader = FeedReader(bus, hub, settings.warm_messages)
    controls = Controls(hub, switches, clock)
    streams = Streams(door, bus, reader, Tails(hub, bus, database), controls, settings)
    watched.on_change(controls.settings_changed)
    routes = api.router(database, door, clock, settings, tokens, switches, reader.cursor)
    listener = StreamListener(
        streams, settings.host, settings.stream_port, settings.drain_seconds * DRAIN_SHARE
    )
    return shared.service(
        [routes, polling.router(streams, settings)],
        [watched, reader, controls],
        [listener],
        pages=pages(settings.stream_origin),
    )
