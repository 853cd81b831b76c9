"""Who did something: whoever called, or the registry itself."""

from contextlib import AbstractContextManager

from chassis.context import Origin, current_origin, use_origin

SYSTEM = "system"


def actor() -> str:
    """The id of whoever does the work in hand, for the rows that say who did it."""
    return current_origin().actor_id or SYSTEM


def as_system() -> AbstractContextManager[Origin]:
    """What is done inside, the registry does by itself."""
    return use_origin(actor_id=SYSTEM, actor_type="system")
