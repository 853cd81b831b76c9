"""Composes the registry: the only file that knows all the others."""

from pathlib import Path

from chassis.auth import Authenticate
from chassis.backbone import backbone, connect
from chassis.clock import SystemClock
from chassis.runtime import Service
from services.registry import api, directory
from services.registry.erp import LocalErp
from services.registry.identity import LocalIdentity
from services.registry.pushes import ClaimsPusher
from services.registry.settings import Settings

SERVICE = "registry"
MIGRATIONS = Path(__file__).with_name("migrations")


def compose(settings: Settings) -> Service:
    """Called inside the running loop."""
    clock = SystemClock()
    database, bus = connect(SERVICE, settings, MIGRATIONS)
    identity = LocalIdentity(settings.identity_admin_url, settings.identity_admin_secret.get_secret_value())
    shared = backbone(SERVICE, settings, clock, database, bus)
    authenticate = Authenticate(shared.verifier)
    # Enrolment comes before the device is known, with the token that is bound to the key being enrolled.
    enrolling = Authenticate(shared.verifier, accepts_bound=True)
    secret = settings.erp_webhook_secret.get_secret_value()
    return shared.service(
        [
            api.operator_routes(database, authenticate, identity, clock, settings),
            api.erp_routes(database, LocalErp(settings.erp_folder), clock, secret),
            api.device_routes(database, enrolling, clock, settings),
            directory.router(database, authenticate),
        ],
        [ClaimsPusher(database, identity, clock, every=settings.push_seconds)],
    )
