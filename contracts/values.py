"""Values that are made by the thousand a second."""

from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def value(cls: type[T]) -> type[T]:
    """A dataclass with slots that nobody changes. The type checker sees to that and not every assignment in `__init__`,
    where `frozen=True` costs 0.1 µs a field: a tenth of what it takes to bring an event into the log.
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)
