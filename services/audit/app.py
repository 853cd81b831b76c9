"""Composes audit: the only file that knows all the others."""

import base64
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chassis.backbone import backbone, connect
from chassis.clock import SystemClock
from chassis.inbox import InboxSettings
from chassis.runtime import Service
from contracts.subjects import STREAMS
from services.audit import api
from services.audit.consumers import sequencer
from services.audit.gaps import api as gaps_api
from services.audit.gaps.book import GapBook
from services.audit.gaps.lock_actions import Reconciler
from services.audit.log import api as log_api
from services.audit.log.anchors import Anchors, WriteOnceFolder
from services.audit.log.checkpoints import Checkpoints
from services.audit.log.ledger import Ledger
from services.audit.log.months import Months
from services.audit.log.note import Signer
from services.audit.log.receipts import Receipts
from services.audit.settings import Settings

SERVICE = "audit"
MIGRATIONS = Path(__file__).with_name("migrations")


def compose(settings: Settings) -> Service:
    """Called inside the running loop."""
    clock = SystemClock()
    database, bus = connect(SERVICE, settings, MIGRATIONS)
    key = Ed25519PrivateKey.from_private_bytes(base64.b64decode(settings.signing_key.get_secret_value()))
    signer = Signer(settings.signing_name, key)
    gaps = GapBook(
        database,
        clock,
        seconds=settings.gap_seconds,
        is_listening=lambda: bus.is_connected,
        patience=settings.gap_patience,
    )
    shared = backbone(
        SERVICE,
        settings,
        clock,
        database,
        bus,
        hears=dict.fromkeys(STREAMS.values(), sequencer(clock, settings.lock_patience)),
        inbox=InboxSettings(max_batch=settings.max_batch, alone=True),
        on_gap=gaps.note,
        admits_members=True,
    )
    checkpoints = Checkpoints(
        database, signer, clock, seconds=settings.checkpoint_seconds, batch=settings.checkpoint_batch
    )
    ledger = Ledger(
        database,
        signer,
        Anchors(database, [WriteOnceFolder(settings.anchor_folder)] if settings.anchor_folder else []),
        clock,
        seconds=settings.anchor_seconds,
        quiet_seconds=settings.quiet_seconds,
    )
    receipts = Receipts(database, bus, seconds=settings.receipt_seconds)
    authenticate = shared.authenticate_members()
    reconciler = Reconciler(database, clock, every=settings.gap_seconds)
    return shared.service(
        [
            api.router(database, authenticate),
            log_api.router(database, signer, authenticate),
            gaps_api.router(database, authenticate, clock),
        ],
        [checkpoints, ledger, receipts, gaps, reconciler, Months(database, clock)],
    )
