"""Every operation of every service, once, in an order that makes sense."""

from scripts.record_examples.cast import Cast
from scripts.record_examples.story import (
    api_keys,
    audit,
    catalogue,
    desks,
    devices,
    directory,
    endings,
    entitlements,
    flags,
    floors,
    health,
    members,
    notices,
    orders,
    sync,
    tenants,
    usage,
)

STORY = (
    health.tell,
    catalogue.tell,
    tenants.tell,
    notices.subscribe,
    members.tell,
    orders.tell,
    tenants.tell_changes,
    entitlements.tell,
    flags.tell,
    floors.tell,
    api_keys.tell,
    usage.tell,
    devices.tell,
    desks.tell,
    sync.tell,
    directory.tell,
    audit.tell,
    notices.tell,
    endings.tell,
)


async def play(cast: Cast) -> None:
    """The whole story. Raises StoryError where it cannot go on."""
    for tell in STORY:
        await tell(cast)
