"""The base of every event: strict when built, tolerant when read, immutable always."""

from datetime import datetime
from functools import cache
from types import UnionType
from typing import Annotated, Any, ClassVar, Self, Union, get_args, get_origin
from uuid import UUID

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError


class UndecodableEvent(ValueError):
    """The bytes are not an event of this type; the message names the fields."""


def _aware_utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("the time has no zone; times are aware UTC")
    return value


Time = Annotated[datetime, AfterValidator(_aware_utc)]
"""An aware time, RFC 3339 on the wire."""


ABOUT = "x-personal"
"""In a schema: the field says something of a person; its value names the field that holds the person's id."""
ACTOR = "actor"
"""The person who did it, whom the envelope names."""


def personal(of: str) -> Any:
    """Marks a field of an event as personal data of whom the field `of` names, or of `ACTOR`.

    `reason: Annotated[str, personal(ACTOR)]`. The audit log keeps such a value sealed under that person's key.
    """
    return Field(json_schema_extra={ABOUT: of})


class Part(BaseModel):
    """A value inside an event: forbids what it does not know when built, never changes."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Event(Part):
    """A fact that happened. Subclasses name their type (`<service>.<noun>.<past verb>.v<N>`) and their aggregate."""

    type: ClassVar[str]
    aggregate: ClassVar[str]
    aggregate_field: ClassVar[str]

    tenant_id: UUID | None
    """The tenant it is about; None for platform-wide facts (header value `_`)."""

    @property
    def aggregate_id(self) -> str:
        """Id of the aggregate that changed; with `aggregate` it makes the CloudEvents subject."""
        return str(getattr(self, self.aggregate_field))

    @classmethod
    @cache
    def personal_fields(cls) -> dict[str, str]:
        """Each field marked by `personal`, with the field that holds the person's id. Parts of events have none."""
        return {
            name: str(field.json_schema_extra[ABOUT])
            for name, field in cls.model_fields.items()
            if isinstance(field.json_schema_extra, dict) and ABOUT in field.json_schema_extra
        }

    def data(self) -> bytes:
        """The JSON body, keys in the order of declaration."""
        return orjson.dumps(self.model_dump(mode="json"))

    @classmethod
    def read(cls, data: bytes) -> Self:
        """Read a body, newer ones included: unknown fields are left out at every depth. Raises UndecodableEvent."""
        try:
            value = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise UndecodableEvent(f"{cls.type}: the body is not JSON: {error}") from error
        try:
            return cls.model_validate_json(orjson.dumps(known_fields(cls, value)))
        except ValidationError as error:
            faults = "; ".join(
                f"/{'/'.join(str(step) for step in fault['loc'])}: {fault['msg']}" for fault in error.errors()
            )
            raise UndecodableEvent(f"{cls.type}: {faults}") from error


def known_fields(model: type[BaseModel], value: Any) -> Any:
    """`value` without the fields that `model` does not declare, at every depth."""
    if not isinstance(value, dict):
        return value
    return {
        name: _known_in(field.annotation, value[name])
        for name, field in model.model_fields.items()
        if name in value
    }


def _known_in(annotation: Any, value: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return known_fields(annotation, value)
    arguments = get_args(annotation)
    if get_origin(annotation) in {tuple, list} and isinstance(value, list):
        return [_known_in(arguments[0], item) for item in value]
    if get_origin(annotation) in {Union, UnionType} and value is not None:
        for argument in arguments:
            if argument is not type(None):
                return _known_in(argument, value)
    return value
