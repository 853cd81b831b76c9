"""Who did something, for the rows that say so."""

from chassis.context import SYSTEM, current_origin


def actor() -> str:
    """The id of whoever does the work in hand: who called, or the registry itself."""
    return current_origin().actor_id or SYSTEM
