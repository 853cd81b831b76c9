"""What ended streams lately: for those whom the door let in just before. No I/O."""

from collections import OrderedDict
from uuid import UUID

from services.bff.ring import Entry

MOST_ENDS = 10_000
"""So many are remembered; much more than come in at once."""


class Ends:
    """The last word per audience or session; whoever came in before all that is remembered has to look again."""

    def __init__(self) -> None:
        self._said: OrderedDict[tuple[UUID, str], Entry] = OrderedDict()
        self._floor = 0
        """Words up to here may be forgotten."""

    def remember(self, tenant_id: UUID, entry: Entry) -> None:
        whose = (tenant_id, entry.session or entry.audience)
        self._said[whose] = entry
        self._said.move_to_end(whose)
        if len(self._said) > MOST_ENDS:
            self._floor = self._said.popitem(last=False)[1].seq

    def since(
        self, tenant_id: UUID, audiences: frozenset[str], session: str, seq: int
    ) -> tuple[str, str] | None:
        """(word, reason) for who was let in when the feed stood at `seq`, and may be somebody else by now."""
        said = [self._said.get((tenant_id, name)) for name in (*sorted(audiences), session)]
        since = [entry for entry in filter(None, said) if entry.seq > seq]
        if since:
            return since[0].ends, since[0].reason or since[0].ends
        return ("resync", "resync") if seq < self._floor else None
