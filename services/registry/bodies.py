"""The words that bodies are made of."""

from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from contracts.roles import BackofficeRole

ZONES = available_timezones()


def known_zone(value: str) -> str:
    if value not in ZONES:
        raise ValueError("name it as in the IANA database, for example Europe/Berlin")
    return value


Text = Annotated[str, Field(min_length=1, max_length=200)]
Reason = Annotated[str, Field(min_length=1, max_length=500)]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{1,62}$")]
Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$", max_length=254)]
Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,39}$")]
"""The word that programs use for a product, an action or a metric."""
ProjectId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
PropertyCode = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
BackofficeRoles = Annotated[list[BackofficeRole], Field(max_length=10)]
TimeZone = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(known_zone)]
Language = Literal["en", "fr"]


class Body(BaseModel):
    """Refuses unknown fields."""

    model_config = ConfigDict(extra="forbid")
