"""Joins what API keys are made of; `app.py` joins it with the rest."""

from collections.abc import Sequence

from fastapi import APIRouter

from chassis.auth import Authenticate
from chassis.buckets import Buckets
from chassis.bus import Bus
from chassis.clock import Clock
from chassis.db import Database
from chassis.news import News
from chassis.pages import PageTokens
from chassis.runtime import Part
from contracts.subjects import STREAMS
from services.registry.api_keys import api, leaks, verify_api
from services.registry.api_keys.expiry import ExpiryWarnings
from services.registry.api_keys.memory import SUBJECTS, Memory
from services.registry.api_keys.peppers import Peppers
from services.registry.api_keys.uses import Uses
from services.registry.api_keys.verification import Verifier
from services.registry.settings import Settings


class ApiKeys:
    """Everything of this folder in one process."""

    def __init__(self, database: Database, bus: Bus, clock: Clock, settings: Settings) -> None:
        self._database = database
        self._clock = clock
        self._settings = settings
        self._peppers = Peppers(settings.key_peppers.get_secret_value())
        self.memory = Memory(settings.key_cache_entries, settings.key_cache_seconds)
        self.news = News(bus, STREAMS[database.service], SUBJECTS, self.memory.hear)
        self.uses = Uses(database, every=settings.key_use_seconds)
        self.parts: Sequence[Part] = (
            self.news,
            self.uses,
            ExpiryWarnings(database, clock, every=settings.due_seconds, batch=settings.due_batch),
        )
        self.verifier = Verifier(
            database,
            clock,
            self._peppers,
            self.news,
            self.memory,
            Buckets(settings.key_rate, round(2 * settings.key_rate) or 1, settings.key_cache_entries),
            self.uses,
            keep=settings.key_cache_seconds,
        )

    def routers(self, authenticate: Authenticate, page_tokens: PageTokens) -> list[APIRouter]:
        leak_rate = self._settings.leak_rate
        reports = Buckets(leak_rate, round(2 * leak_rate) or 1, 1)
        return [
            verify_api.router(authenticate, self.verifier),  # the hottest first: routes are tried in order
            api.router(self._database, authenticate, self._clock, self._settings, self._peppers, page_tokens),
            leaks.router(self._database, self._clock, self._peppers, reports),
        ]
