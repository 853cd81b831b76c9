"""What belongs to records, put together for `app.py`."""

from collections.abc import Awaitable, Callable

from fastapi import APIRouter

from chassis.auth import Authenticate
from chassis.clock import Clock
from chassis.db import Database
from chassis.pages import PageTokens
from chassis.runtime import Part
from services.audit.records.intake import Intake
from services.audit.records.personal import api as erasing
from services.audit.records.personal.keys import Keys
from services.audit.records.personal.model import RootKey
from services.audit.records.publishers import api as publishers
from services.audit.records.search import api as searching
from services.audit.records.search.closed_months import ClosedMonths
from services.audit.records.search.filters import SearchStore
from services.audit.records.search.postgres import PostgresSearch
from services.audit.records.search.reading import Search
from services.audit.records.stores import api as stores
from services.audit.records.tokens import api as tokens
from services.audit.records.viewers import api as viewers
from services.audit.records.viewing import Viewing


class Records:
    """The intake of posted records, sealing, search, erasure."""

    def __init__(
        self, database: Database, clock: Clock, root_key: str, mongo_url: str | None, *, follow_seconds: float
    ) -> None:
        """With `mongo_url` searches are answered by MongoDB."""
        self._database = database
        self._clock = clock
        self.keys = Keys(RootKey(root_key))
        self._intake = Intake(database, clock, self.keys)
        self.viewing = Viewing(self._intake, clock)
        self._parts: list[Part] = [self._intake, ClosedMonths(database, clock)]
        store: SearchStore = PostgresSearch(database)
        self.closed: list[Callable[[], Awaitable[None]]] = []
        if mongo_url is not None:
            # an optional extra brings the driver
            from services.audit.records.search.following import Follower  # noqa: PLC0415
            from services.audit.records.search.mongo import MongoSearch  # noqa: PLC0415

            store = beside = MongoSearch(mongo_url)
            self._parts.append(Follower(database, beside, seconds=follow_seconds))
            self.closed.append(beside.close)
        self._store = store
        self._search = Search(database, self.keys, store, self.viewing)

    @property
    def parts(self) -> list[Part]:
        return self._parts

    def routers(self, authenticate: Authenticate, page_tokens: PageTokens) -> list[APIRouter]:
        return [
            publishers.router(self._database, self._intake, self._clock),
            tokens.router(self._database, authenticate, self._clock, page_tokens),
            stores.router(self._database, authenticate, self._clock, self._store),
            viewers.router(self._database, self._search, self._clock, page_tokens),
            searching.router(self._search, authenticate, page_tokens),
            erasing.router(self._database, authenticate, self._clock, self.keys),
        ]
