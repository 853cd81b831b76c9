"""Members as callers of a service that is not the registry: the newest word counts, and nobody else's."""

from collections.abc import Sequence
from uuid import UUID

from chassis.db import Tx
from chassis.ids import uuid7
from chassis.inbox import dispatch
from chassis.members import RememberingMembers, deactivated_in
from contracts.claims import Claims
from contracts.envelope import Message, Received
from contracts.registry import TenantTrialStartedV1
from tests.integration.chassis.kinds import NewConsumer
from tests.integration.chassis.member_words import deactivated, joined
from tests.integration.chassis.numbered_events import numbered
from tests.integration.chassis.stage import Stage

TENANT = UUID("019b0000-0000-7000-8000-000000000001")


def claims_of(member: str, tenant: UUID | None = TENANT, *realm_roles: str) -> Claims:
    return Claims(
        member, "t", frozenset({"audit"}), 2**40, tenant_id=tenant, realm_roles=frozenset(realm_roles)
    )


async def ignore(tx: Tx, messages: Sequence[Message]) -> None:
    """A service that does nothing else with the stream."""


async def test_the_newest_word_on_a_member_counts_in_whichever_order_they_come(
    stage: Stage, new_consumer: NewConsumer
) -> None:
    consumer, is_revoked = new_consumer(RememberingMembers(ignore)), deactivated_in(stage.database)
    assert not await is_revoked(claims_of("ann")), "of whom nothing was heard"
    found = []
    for event in (
        deactivated(TENANT, "ann", 1, version=2),
        joined(TENANT, "ann", 2, version=3),
        deactivated(TENANT, "ann", 3, version=2),
        deactivated(TENANT, "ann", 4, version=5),
        joined(TENANT, "ann", 5, version=4),
    ):
        await consumer.receive([event.delivery])
        found.append(await is_revoked(claims_of("ann")))
    assert found == [True, False, False, True, True]
    assert not await is_revoked(claims_of("bob"))
    assert not await is_revoked(claims_of("ann", uuid7())), "in another tenant it is somebody else"
    assert not await is_revoked(claims_of("ann", None))
    assert not await is_revoked(claims_of("ann", TENANT, "PLATFORM_ADMIN"))


async def test_the_services_own_handlers_get_what_they_want_and_nothing_else(
    stage: Stage, new_consumer: NewConsumer
) -> None:
    heard: list[UUID] = []

    async def on_trial(tx: Tx, event: Received[TenantTrialStartedV1]) -> None:
        heard.append(event.envelope.id)

    consumer = new_consumer(RememberingMembers(dispatch({TenantTrialStartedV1: on_trial})))
    trial = numbered(2, tenant=TENANT)
    events = [deactivated(TENANT, "ann", 1, version=1), trial, deactivated(TENANT, "bob", 3, version=1)]
    await consumer.receive([event.delivery for event in events])
    assert heard == [trial.id]
    is_revoked = deactivated_in(stage.database)
    assert [await is_revoked(claims_of(name)) for name in ("ann", "bob")] == [True, True]
