"""Every operation of every service, once, in an order that makes sense."""

from scripts.record_examples.cast import Cast
from scripts.record_examples.story import (
    api_keys,
    audit,
    audit_records,
    catalogue,
    demo,
    desks,
    devices,
    directory,
    endings,
    entitlements,
    flags,
    floors,
    health,
    leads,
    locks,
    members,
    notices,
    orders,
    products,
    projects,
    properties,
    scopes,
    sync,
    tenants,
    trials,
    usage,
)

STORY = (
    health.tell,
    demo.tell,
    catalogue.tell,
    tenants.tell,
    notices.subscribe,
    properties.tell,
    members.tell,
    scopes.tell,
    members.tell_changes,
    projects.tell,
    orders.tell,
    tenants.tell_changes,
    entitlements.tell,
    products.tell,
    leads.tell,
    trials.tell,
    flags.tell,
    floors.tell,
    api_keys.tell,
    usage.tell,
    devices.tell,
    desks.tell,
    locks.tell,
    sync.tell,
    directory.tell,
    audit.tell,
    audit_records.tell,
    locks.tell_halt,
    notices.tell,
    endings.tell,
)


async def play(cast: Cast) -> None:
    """The whole story. Raises StoryError where it cannot go on."""
    for tell in STORY:
        await tell(cast)
