"""Members as callers: the token of one that was deactivated is good no more, though it has not expired.

A service that takes members' tokens hears of them from the registry's stream, beside whatever else it does with it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from chassis.auth import IsRevoked
from chassis.db import Database, Tx, load_queries
from chassis.intake import Apply
from chassis.message_spans import handling
from contracts.claims import Claims
from contracts.envelope import Envelope, Message
from contracts.registry import MemberDeactivatedV1, MemberJoinedV1

queries: Any = load_queries(Path(__file__).with_name("members.sql"))
IS_DEACTIVATED = {MemberDeactivatedV1.type: True, MemberJoinedV1.type: False}


class RememberingMembers:
    """`apply` for a Consumer of the registry's stream: remembers who may come in, then does what `apply` does."""

    def __init__(self, apply: Apply) -> None:
        self._apply = apply
        self._wanted: frozenset[str] | None = getattr(apply, "types", None)
        self.types = None if self._wanted is None else self._wanted | IS_DEACTIVATED.keys()

    async def __call__(self, tx: Tx, messages: Sequence[Message]) -> None:
        for message in messages:
            if message.envelope.type in IS_DEACTIVATED and message.envelope.tenant_id is not None:
                with handling(message):
                    await remember(tx, message.envelope)
        wanted = self._wanted
        if rest := [one for one in messages if wanted is None or one.envelope.type in wanted]:
            await self._apply(tx, rest)


def and_members(hears: Mapping[str, Apply]) -> dict[str, Apply]:
    """What a service that admits members by their tokens does with what it hears, by stream; it hears `REGISTRY`."""
    return {**hears, "REGISTRY": RememberingMembers(hears["REGISTRY"])}


async def remember(tx: Tx, envelope: Envelope) -> None:
    """The newest word on a member, in whichever order they come. The envelope says all: the body may be anything."""
    await queries.know_member(
        tx,
        tenant_id=envelope.tenant_id,
        member_id=envelope.subject.removeprefix("member/"),
        is_deactivated=IS_DEACTIVATED[envelope.type],
        aggregate_version=envelope.aggregate_version,
    )


def deactivated_in(database: Database) -> IsRevoked:
    """For `Authenticate`. Services and our own staff are nobody's members. Raises DatabaseUnavailable."""

    async def is_revoked(claims: Claims) -> bool:
        if claims.tenant_id is None or claims.realm_roles:
            return False
        async with database.reading(claims.tenant_id) as tx:
            found = await queries.is_deactivated(tx, tenant_id=claims.tenant_id, member_id=claims.sub)
        return bool(found)

    return is_revoked
