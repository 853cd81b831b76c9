"""Composes lock actions: with a vendor the parts that serve it, without one only an answer that there is none."""

from fastapi import APIRouter

from chassis.bus import Bus
from chassis.clock import Clock
from chassis.db import Database
from chassis.runtime import Part
from chassis.switches import Switches
from services.bff.admission import Admit
from services.bff.hub import Hub
from services.bff.locks import api
from services.bff.locks.receipts import Receipts, VerifierKey
from services.bff.locks.reports import VendorReports
from services.bff.locks.vendor import HttpVendor
from services.bff.locks.words import LockWords
from services.bff.locks.worker import LockWorker
from services.bff.mutations import Mutations
from services.bff.settings import Settings


class Locks:
    """What the service runs for lock actions."""

    def __init__(
        self, database: Database, bus: Bus, clock: Clock, switches: Switches, hub: Hub, settings: Settings
    ) -> None:
        self._database = database
        self._clock = clock
        self._switches = switches
        self._settings = settings
        self._vendor: HttpVendor | None = None
        self.parts: list[Part] = []
        if settings.lock_vendor_url:
            timing = settings.lock_timing
            key = settings.lock_vendor_key.get_secret_value()
            vendor = HttpVendor(settings.lock_vendor, settings.lock_vendor_url, key, seconds=timing.vendor)
            receipts = Receipts(bus, VerifierKey.parse(settings.audit_verifier_key), seconds=timing.receipt)
            self._vendor = vendor
            self.parts = [
                LockWorker(database, clock, switches, receipts, vendor, timing),
                VendorReports(database, clock, vendor, every=settings.lock_report_seconds),
                LockWords(database, hub, switches),
            ]

    def router(self, mutations: Mutations, admit: Admit) -> APIRouter:
        return api.router(
            mutations,
            self._database,
            admit,
            self._clock,
            self._switches,
            deadline=self._settings.lock_deadline_seconds,
            is_connected=self._vendor is not None,
        )

    async def close(self) -> None:
        if self._vendor is not None:
            await self._vendor.close()
