"""Composes audit: the only file that knows all the others."""

import base64
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chassis.auth import Authenticate
from chassis.backbone import backbone, connect
from chassis.clock import SystemClock
from chassis.inbox import InboxSettings
from chassis.pages import PageTokens
from chassis.runtime import Service
from contracts.subjects import STREAMS
from services.audit import api
from services.audit.consumers import sequencer
from services.audit.gaps import api as gaps_api
from services.audit.gaps.book import GapBook
from services.audit.gaps.lock_actions import Reconciler
from services.audit.log.checkpoints import Checkpoints
from services.audit.log.months import Months
from services.audit.log.note import Signer
from services.audit.records.intake import Intake
from services.audit.records.personal.keys import Keys
from services.audit.records.personal.model import RootKey
from services.audit.records.publishers import api as publishers
from services.audit.records.tokens import api as tokens
from services.audit.settings import Settings

SERVICE = "audit"
MIGRATIONS = Path(__file__).with_name("migrations")


def compose(settings: Settings) -> Service:
    """Called inside the running loop."""
    clock = SystemClock()
    database, bus = connect(SERVICE, settings, MIGRATIONS)
    key = Ed25519PrivateKey.from_private_bytes(base64.b64decode(settings.signing_key.get_secret_value()))
    signer = Signer(settings.signing_name, key)
    keys = Keys(RootKey(settings.root_key.get_secret_value()))
    intake = Intake(database, clock, keys)
    page_tokens = PageTokens(settings.page_token_key.get_secret_value().encode())
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
        hears=dict.fromkeys(STREAMS.values(), sequencer(clock, keys, settings.lock_patience)),
        inbox=InboxSettings(max_batch=settings.max_batch),
        on_gap=gaps.note,
    )
    checkpoints = Checkpoints(
        database, signer, clock, seconds=settings.checkpoint_seconds, batch=settings.checkpoint_batch
    )
    authenticate = Authenticate(shared.verifier)
    reconciler = Reconciler(database, clock, every=settings.gap_seconds)
    return shared.service(
        [
            api.router(database, signer, authenticate),
            gaps_api.router(database, authenticate, clock),
            publishers.router(database, intake, clock),
            tokens.router(database, authenticate, clock, page_tokens),
        ],
        [checkpoints, gaps, reconciler, Months(database, clock), intake],
    )
