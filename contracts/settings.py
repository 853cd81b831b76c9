"""The key-value bucket through which flags and version floors reach every process. Written by the registry alone.

A key names what is set and for whom; its value is a `Setting`. A setting says itself how new it is, so that neither the
order in which it arrives nor a bucket that begins anew can bring an older one back.
"""

from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

BUCKET = "settings"
STREAM = f"KV_{BUCKET}"
PREFIX = f"$KV.{BUCKET}."
READERS = ("bff", "sync")
"""The services that may watch the bucket."""
PLATFORM = "_"


class UnreadableSetting(ValueError):
    """The bytes are no setting."""


class Setting(BaseModel):
    """What a key holds. `value` is None for what was cleared or never set; row version 0 was never set."""

    model_config = ConfigDict(frozen=True, strict=True)

    row_version: int
    value: Any

    def data(self) -> bytes:
        return orjson.dumps({"row_version": self.row_version, "value": self.value})

    @classmethod
    def read(cls, data: bytes) -> "Setting":
        """Unknown fields are left out. Raises UnreadableSetting."""
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            raise UnreadableSetting(f"not a setting: {data[:80]!r}") from error


@lru_cache(maxsize=65_536)  # asked for every request
def flag_key(name: str, tenant_id: UUID | None) -> str:
    """Key of a flag's value for the platform (None) or for one tenant."""
    return f"flag.{tenant_id or PLATFORM}.{name}"


def floor_key(platform: str, channel: str, tenant_id: UUID | None) -> str:
    """Key of a version floor for the platform as a whole (None) or for one tenant."""
    return f"floor.{tenant_id or PLATFORM}.{platform}.{channel}"


def floors_of(tenant_id: UUID | None) -> str:
    """What the keys of the version floors of this scope begin with."""
    return f"floor.{tenant_id or PLATFORM}."
