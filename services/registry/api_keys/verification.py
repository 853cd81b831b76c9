"""Verification: the form first, then memory, then the database, then the rules, then the rate."""

import time
from collections.abc import Callable
from typing import Any

from chassis.buckets import Buckets
from chassis.clock import Clock
from chassis.db import Database
from chassis.memory import Liveness
from services.registry.api_keys import store
from services.registry.api_keys.format import is_well_formed
from services.registry.api_keys.memory import Memory
from services.registry.api_keys.model import TELLS_NOTHING, Asked, Code, KnownKey, judge, keep_seconds
from services.registry.api_keys.peppers import Peppers
from services.registry.api_keys.uses import Uses


class Verifier:
    """One per process."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        peppers: Peppers,
        news: Liveness,
        memory: Memory,
        buckets: Buckets,
        uses: Uses,
        *,
        keep: int = 30,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`keep`: so many seconds callers that hear no events may keep a good answer."""
        self._database = database
        self._clock = clock
        self._peppers = peppers
        self._news = news
        self._memory = memory
        self._buckets = buckets
        self._uses = uses
        self._keep = keep
        self._monotonic = monotonic

    async def verify(self, key: str, asked: Asked) -> dict[str, Any]:
        """The answer to a product. Raises Transient when memory may not answer and the database cannot."""
        if not is_well_formed(key):
            return answer(Code.INVALID_FORMAT, None, 0)
        digest = self._peppers.digest(key)
        known = self._memory.get(digest, self._news, self._monotonic())
        if known is None:
            known = await self._load(key, digest)
            if known is None:
                return answer(Code.NOT_FOUND, None, 0)
        now = self._clock.now()
        code = judge(known, asked, now)
        if code is not Code.VALID:
            return answer(code, known, 0)
        if not self._buckets.take(known.key_id, now.timestamp()):
            return answer(Code.RATE_LIMITED, known, 0)
        self._uses.note(known.key_id, now)
        return answer(code, known, keep_seconds(known, now, self._keep))

    async def _load(self, key: str, digest: bytes) -> KnownKey | None:
        load = self._memory.begin(self._news, self._monotonic())
        known = None
        try:
            async with self._database.platform_reading() as tx:
                known = await store.known_key(tx, self._peppers.digests(key))
        finally:
            self._memory.end(load, digest, known, self._news)
        return known


def answer(code: Code, known: KnownKey | None, cache_ttl_s: int) -> dict[str, Any]:
    """What a product is told; nothing of a key that is not its matter."""
    told = None if code in TELLS_NOTHING else known
    if told is None:
        return {
            "valid": False,
            "code": code.value,
            "key_id": None,
            "tenant_id": None,
            "project_id": None,
            "scopes": [],
            "tenant_status": None,
            "plan": None,
            "ent_v": None,
            "cache_ttl_s": cache_ttl_s,
        }
    return {
        "valid": code is Code.VALID,
        "code": code.value,
        "key_id": told.key_id,
        "tenant_id": told.tenant_id,
        "project_id": told.project_id,
        "scopes": told.scopes,
        "tenant_status": told.tenant_status,
        "plan": told.plan,
        "ent_v": told.ent_v,
        "cache_ttl_s": cache_ttl_s,
    }
