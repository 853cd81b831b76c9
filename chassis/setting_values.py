"""What a value of the bucket must be to be taken: readers count on it and test nothing again."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from chassis.semver import Version
from contracts.flags import FLAGS


def is_version(text: str) -> str:
    """Raises NoVersion."""
    Version.parse(text)
    return text


def is_instant(text: str) -> str:
    """Raises ValueError for what is no time with its zone (RFC 3339)."""
    if datetime.fromisoformat(text).tzinfo is None:
        raise ValueError("names no zone")
    return text


SemVer = Annotated[str, AfterValidator(is_version)]


class FloorValue(BaseModel):
    """A version floor. What else it says is left alone."""

    model_config = ConfigDict(strict=True)

    advise: SemVer | None
    enforce: SemVer | None
    block: list[SemVer]
    effective_at: Annotated[str, AfterValidator(is_instant)]
    message: str | None
    url: str | None
    unknown: Literal["allow", "block"]


def fault_in(key: str, value: Any) -> str | None:
    """What is wrong with the value of a flag or a floor; None for a good one, for a cleared one, for keys of others."""
    kind, _, rest = key.partition(".")
    if value is None:
        return None
    if kind == "floor":
        try:
            FloorValue.model_validate(value)
        except ValidationError as error:
            return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
    flag = FLAGS.get(rest.partition(".")[2]) if kind == "flag" else None
    return None if flag is None else flag.fault_in(value)
