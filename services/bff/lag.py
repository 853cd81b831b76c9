"""How far a desktop is behind what it is owed."""

from services.bff.audiences import audiences_of
from services.bff.door import Guest
from services.bff.frames import Cursor
from services.bff.hub import Hub


def events_behind(hub: Hub, guest: Guest, cursor: str | None) -> int | None:
    """Events for this desk behind the cursor, as far as this process has read the feed.

    None for a cursor that is none, of another epoch, or older than the ring remembers.
    """
    at = Cursor.parse(cursor) if cursor else None
    ring = hub.ring_of(guest.tenant_id)
    if at is None or at.epoch != hub.epoch or not ring.covers(at.seq):
        return None
    scope = guest.scope
    hears = audiences_of(guest.member_id, guest.device_id, scope.properties, scope.backoffice_roles)
    return sum(entry.audience in hears for entry in ring.after(at.seq))
