"""Composes the notifier: the only file that knows all the others."""

from pathlib import Path

from chassis.backbone import backbone, connect
from chassis.clock import SystemClock
from chassis.inbox import InboxSettings, dispatch
from chassis.members import and_members
from chassis.runtime import Service
from chassis.service_tokens import ServiceTokens
from services.notifier import api
from services.notifier.consumers import handlers
from services.notifier.deliverer import Deliverer
from services.notifier.directory import Directory
from services.notifier.mailer import Mailer
from services.notifier.settings import Settings
from services.notifier.signatures import Sealing

SERVICE = "notifier"
MIGRATIONS = Path(__file__).with_name("migrations")


def compose(settings: Settings) -> Service:
    """Called inside the running loop."""
    clock = SystemClock()
    database, bus = connect(SERVICE, settings, MIGRATIONS)
    tokens = ServiceTokens(settings.oidc_issuer, SERVICE, settings.service_key.get_secret_value())
    sealing = Sealing(settings.sealing_key.get_secret_value())
    shared = backbone(
        SERVICE,
        settings,
        clock,
        database,
        bus,
        hears=and_members({"REGISTRY": dispatch(handlers(clock))}),
        inbox=InboxSettings(max_batch=1),
    )
    routes = api.router(
        database,
        shared.authenticate_members(),
        sealing,
        clock,
        allow_private=settings.allow_private_endpoints,
    )
    return shared.service(
        [routes],
        [
            Mailer(database, Directory(settings.registry_url, tokens), clock, settings),
            Deliverer(database, sealing, clock, settings),
        ],
    )
