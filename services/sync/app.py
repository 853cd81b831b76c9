"""Composes sync: the only file that knows all the others."""

from pathlib import Path

from chassis.auth import Authenticate
from chassis.backbone import backbone, connect
from chassis.bucket import Bucket
from chassis.clock import SystemClock
from chassis.inbox import dispatch
from chassis.runtime import Service
from chassis.switches import Switches
from chassis.watched import Watched
from contracts import settings as bucket
from services.sync import api
from services.sync.consumers import HANDLERS
from services.sync.model import Cursors
from services.sync.settings import Settings

SERVICE = "sync"
MIGRATIONS = Path(__file__).with_name("migrations")


def compose(settings: Settings) -> Service:
    """Called inside the running loop."""
    clock = SystemClock()
    database, bus = connect(SERVICE, settings, MIGRATIONS)
    shared = backbone(SERVICE, settings, clock, database, bus, hears={"REGISTRY": dispatch(HANDLERS)})
    cursors = Cursors(settings.cursor_key.get_secret_value())
    watched = Watched(Bucket(bus, bucket.STREAM, bucket.PREFIX), database, clock)
    switches = Switches(watched)
    shared.health.tell(watched.name, watched.status)
    shared.health.need(watched.name, switches.are_told)
    routes = api.router(database, Authenticate(shared.verifier), cursors, clock, settings, switches)
    return shared.service([routes], [watched])
