"""Composes audit: the only file that knows all the others."""

import base64
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chassis.auth import Authenticate
from chassis.backbone import backbone, connect
from chassis.clock import SystemClock
from chassis.inbox import InboxSettings
from chassis.runtime import Service
from contracts.subjects import STREAMS
from services.audit import api
from services.audit.consumers import sequencer
from services.audit.gaps.book import GapBook
from services.audit.log.checkpoints import Checkpoints
from services.audit.log.months import Months
from services.audit.log.note import Signer
from services.audit.settings import Settings

SERVICE = "audit"
MIGRATIONS = Path(__file__).with_name("migrations")


def compose(settings: Settings) -> Service:
    """Called inside the running loop."""
    clock = SystemClock()
    database, bus = connect(SERVICE, settings, MIGRATIONS)
    key = Ed25519PrivateKey.from_private_bytes(base64.b64decode(settings.signing_key.get_secret_value()))
    signer = Signer(settings.signing_name, key)
    gaps = GapBook(database, clock, seconds=settings.gap_seconds)
    shared = backbone(
        SERVICE,
        settings,
        clock,
        database,
        bus,
        hears=dict.fromkeys(STREAMS.values(), sequencer(clock)),
        inbox=InboxSettings(max_batch=settings.max_batch),
        on_gap=gaps.note,
    )
    checkpoints = Checkpoints(
        database, signer, clock, seconds=settings.checkpoint_seconds, batch=settings.checkpoint_batch
    )
    return shared.service(
        [api.router(database, signer, Authenticate(shared.verifier))],
        [checkpoints, gaps, Months(database, clock)],
    )
