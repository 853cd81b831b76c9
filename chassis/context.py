"""Where the work in hand comes from: written into every event that it causes."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Origin:
    """The request, the cause and the actor; ids only."""

    correlation_id: str | None = None
    causation_id: str | None = None
    actor_id: str | None = None
    actor_type: str | None = None


SYSTEM = "system"
_system = Origin(actor_type="system")
_origin: ContextVar[Origin] = ContextVar("origin", default=_system)  # an Origin is frozen


def current_origin() -> Origin:
    """The origin of the work in hand; the system itself where nobody said otherwise."""
    return _origin.get()


def set_actor(actor_id: str, actor_type: str) -> None:
    """Name the actor of the origin in force, once it is known who is calling."""
    origin = _origin.get()
    _origin.set(Origin(origin.correlation_id, origin.causation_id, actor_id, actor_type))


@contextmanager
def use_origin(
    *,
    correlation_id: str | None = None,
    causation_id: str | None = None,
    actor_id: str | None = None,
    actor_type: str | None = None,
) -> Iterator[Origin]:
    """Everything inside comes from here."""
    origin = Origin(correlation_id, causation_id, actor_id, actor_type)
    token = _origin.set(origin)
    try:
        yield origin
    finally:
        _origin.reset(token)


def as_system() -> AbstractContextManager[Origin]:
    """What is done inside, the service does by itself."""
    return use_origin(actor_id=SYSTEM, actor_type="system")
