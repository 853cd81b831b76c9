"""Tells the identity provider what tokens must say of a member."""

from collections.abc import Mapping
from typing import Any

from chassis.clock import Clock
from chassis.db import Database, Tx
from services.registry.identity import IdentityProvider, MemberState
from services.registry.members.store import queries
from services.registry.pushing import Pusher


class MemberPusher(Pusher):
    """What is told was read with the row; if it is old by then, the newer is told after it."""

    name = "member-push"
    queries = queries
    key = ("tenant_id", "member_id")

    def __init__(self, database: Database, identity: IdentityProvider, clock: Clock, *, every: float) -> None:
        super().__init__(database, clock, every=every)
        self._identity = identity

    async def push(self, row: Mapping[str, Any]) -> None:
        state = MemberState(
            list(row["org_roles"]), list(row["backoffice_roles"]), list(row["properties"]), row["is_active"]
        )
        await self._identity.set_member(row["org_id"], row["member_id"], state)

    async def heard(self, tx: Tx, row: Mapping[str, Any]) -> bool:
        is_last = await super().heard(tx, row)
        who = {"tenant_id": row["tenant_id"], "member_id": row["member_id"]}
        await queries.want_push_of_newer(tx, **who, row_version=row["row_version"], now=self._clock.now())
        return is_last
