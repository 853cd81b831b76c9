"""Which audiences were told lately that their streams end: for those whom the door let in just before. No I/O."""

from collections import OrderedDict
from uuid import UUID

from services.bff.ring import Entry

MOST_ENDS = 10_000
"""So many are remembered; much more than come in at once."""


class Ends:
    """The last word per audience; whoever came in before all that is remembered has to look again."""

    def __init__(self) -> None:
        self._words: OrderedDict[tuple[UUID, str], tuple[int, str]] = OrderedDict()
        self._floor = 0
        """Words up to here may be forgotten."""

    def remember(self, tenant_id: UUID, entry: Entry) -> None:
        self._words[(tenant_id, entry.audience)] = (entry.seq, entry.ends)
        self._words.move_to_end((tenant_id, entry.audience))
        if len(self._words) > MOST_ENDS:
            _, (self._floor, _) = self._words.popitem(last=False)

    def since(self, tenant_id: UUID, audiences: frozenset[str], seq: int) -> str | None:
        """What to say to who was let in when the feed stood at `seq`, and may be somebody else by now."""
        said = [self._words.get((tenant_id, audience)) for audience in sorted(audiences)]
        words = [word for at, word in filter(None, said) if at > seq]
        if not words and seq < self._floor:
            return "resync"
        return words[0] if words else None
