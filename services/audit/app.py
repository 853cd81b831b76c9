"""Composes audit: the only file that knows all the others."""

import base64
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chassis.backbone import backbone, connect
from chassis.bus import Bus
from chassis.clock import Clock, SystemClock
from chassis.db import Database
from chassis.inbox import InboxSettings
from chassis.pages import PageTokens
from chassis.partitioned_intake import IntakeProcesses
from chassis.runtime import Service
from services.audit import api, appender
from services.audit.consumers import heard
from services.audit.exports import api as exports_api
from services.audit.exports.files import ExportFolder
from services.audit.exports.jobs import Expiry, Exporter
from services.audit.exports.links import Links
from services.audit.gaps import api as gaps_api
from services.audit.gaps.book import GapBook
from services.audit.gaps.lock_actions import Reconciler
from services.audit.keeping.bundles.files import BundleFolder
from services.audit.keeping.bundles.reading import Reader
from services.audit.keeping.bundles.sealing import Keeper
from services.audit.keeping.holds import api as holds_api
from services.audit.log import api as log_api
from services.audit.log.anchors import Anchor, Anchors, WriteOnceFolder
from services.audit.log.checkpoints import Checkpoints
from services.audit.log.ledger import Ledger
from services.audit.log.months import Months
from services.audit.log.note import Signer
from services.audit.log.receipts import Receipts
from services.audit.records.parts import Records
from services.audit.settings import Settings

SERVICE = "audit"
MIGRATIONS = Path(__file__).with_name("migrations")


def compose(settings: Settings) -> Service:
    """Called inside the running loop."""
    clock = SystemClock()
    database, bus = connect(SERVICE, settings, MIGRATIONS)
    key = Ed25519PrivateKey.from_private_bytes(base64.b64decode(settings.signing_key.get_secret_value()))
    signer = Signer(settings.signing_name, key)
    records = Records(
        database,
        clock,
        settings.root_key.get_secret_value(),
        settings.mongo_url.get_secret_value() if settings.mongo_url else None,
        follow_seconds=settings.follow_seconds,
    )
    gaps = gap_book_of(settings, database, clock, bus)
    shared = backbone(
        SERVICE,
        settings,
        clock,
        database,
        bus,
        hears=heard(clock, records.keys, settings.lock_patience),
        inbox=InboxSettings(max_batch=settings.at_once, alone=True),
        on_gap=gaps.note,
        processes=appenders_of(settings),
    )
    checkpoints = Checkpoints(
        database, signer, clock, seconds=settings.checkpoint_seconds, batch=settings.checkpoint_batch
    )
    ledger = ledger_of(settings, database, signer, clock)
    receipts = Receipts(database, bus, seconds=settings.receipt_seconds)
    authenticate = shared.authenticate_members()
    reconciler = Reconciler(database, clock, every=settings.gap_seconds)
    secret = settings.page_token_key.get_secret_value().encode()
    tokens = PageTokens(secret)
    export_files = ExportFolder(settings.export_folder)
    bundle_files = BundleFolder(settings.bundle_folder)
    links = Links(secret, settings.public_origin)
    return shared.service(
        [
            api.router(database, authenticate, Reader(bundle_files), records.viewing),
            log_api.router(database, signer, authenticate),
            gaps_api.router(database, authenticate, clock),
            exports_api.router(database, authenticate, clock, tokens, links, export_files, records.keys),
            holds_api.router(database, authenticate, clock, tokens),
            *records.routers(authenticate, tokens),
        ],
        [
            checkpoints,
            ledger,
            receipts,
            gaps,
            reconciler,
            Months(database, clock),
            Exporter(database, clock, told_to_writers(settings), at_once=settings.exports_at_once),
            Expiry(database, export_files, clock),
            Keeper(database, bundle_files, signer, clock),
            *records.parts,
        ],
        closed=records.closed,
    )


def ledger_of(settings: Settings, database: Database, signer: Signer, clock: Clock) -> Ledger:
    folders: list[Anchor] = [WriteOnceFolder(settings.anchor_folder)] if settings.anchor_folder else []
    return Ledger(
        database,
        signer,
        Anchors(database, folders),
        clock,
        seconds=settings.anchor_seconds,
        quiet_seconds=settings.quiet_seconds,
    )


def appenders_of(settings: Settings) -> IntakeProcesses | None:
    """None: the service appends itself."""
    if not settings.appenders:
        return None
    urls = (settings.database_url.get_secret_value(), settings.worker_database_url.get_secret_value())
    told = appender.telling(
        urls,
        settings.root_key.get_secret_value(),
        lock_outcome_seconds=settings.lock_outcome_seconds,
        telemetry=settings.telemetry,
    )
    return IntakeProcesses(appender.MODULE, told, settings.appenders)


def gap_book_of(settings: Settings, database: Database, clock: Clock, bus: Bus) -> GapBook:
    return GapBook(
        database,
        clock,
        seconds=settings.gap_seconds,
        is_listening=lambda: bus.is_connected,
        patience=settings.gap_patience,
    )


def told_to_writers(settings: Settings) -> dict[str, str]:
    """What the process that writes an export needs of the settings."""
    return {
        "database_url": settings.database_url.get_secret_value(),
        "worker_database_url": settings.worker_database_url.get_secret_value(),
        "signing_key": settings.signing_key.get_secret_value(),
        "signing_name": settings.signing_name,
        "root_key": settings.root_key.get_secret_value(),
        "export_folder": str(settings.export_folder),
        "bundle_folder": str(settings.bundle_folder),
    }
