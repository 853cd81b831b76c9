"""The rules of version floors. Pure."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, Literal

from chassis.semver import NoVersion, Version

Platform = Literal["windows", "macos", "linux"]


@dataclass(frozen=True, slots=True)
class Floor:
    """Below `advise` a desktop is told, below `enforce` it is refused from `effective_at` on; `block` names versions.

    `latest` is the newest version that clients of this channel can fetch: nobody can be asked for more.
    """

    advise: str | None
    enforce: str | None
    latest: str | None
    block: tuple[str, ...]
    effective_at: datetime
    message: str | None
    url: str | None
    unknown: Literal["allow", "block"]

    @property
    def is_set(self) -> bool:
        return self.advise is not None or self.enforce is not None or bool(self.block)

    def told(self) -> dict[str, Any] | None:
        """As the bucket and the history hold it; None for a cleared one."""
        if not self.is_set:
            return None
        return {**asdict(self), "block": list(self.block), "effective_at": self.effective_at.isoformat()}


FIELDS = tuple(field.name for field in fields(Floor))


def cleared(now: datetime) -> Floor:
    return Floor(None, None, None, (), now, None, None, "allow")


def floor_of(row: dict[str, Any]) -> Floor:
    """From a row of the table."""
    return Floor(**{**{name: row[name] for name in FIELDS}, "block": tuple(row["block"])})


def faults_in(floor: Floor) -> list[dict[str, str]]:
    """Every fault with its place, its code and the cure; none for a floor that can be set."""
    found = list(unreadable(floor))
    return found or list(contradictions(floor))


def unreadable(floor: Floor) -> Iterator[dict[str, str]]:
    named = [("/advise", floor.advise), ("/enforce", floor.enforce), ("/latest", floor.latest)]
    named += [(f"/block/{place}", text) for place, text in enumerate(floor.block)]
    for pointer, text in named:
        if text is not None:
            try:
                Version.parse(text)
            except NoVersion as error:
                yield fault(pointer, "not_a_version", str(error))


def contradictions(floor: Floor) -> Iterator[dict[str, str]]:
    """Of a floor whose versions can be read."""
    advise, enforce, latest = (
        None if text is None else Version.parse(text) for text in (floor.advise, floor.enforce, floor.latest)
    )
    if not floor.is_set:
        yield fault("/", "empty", "name `advise`, `enforce` or `block`; to take the floor away, clear it")
    if latest is None and (advise or enforce):
        yield fault(
            "/latest", "missing", "say which version clients can fetch, so that none is asked for more"
        )
    for pointer, version in (("/enforce", enforce), ("/advise", advise)):
        if version is not None and latest is not None and version > latest:
            yield fault(
                pointer,
                "above_latest",
                f"clients can fetch {floor.latest} at most; lower it, or release first",
            )
    if advise is not None and enforce is not None and advise < enforce:
        yield fault(
            "/advise", "below_enforce", f"whoever is refused below {floor.enforce} is not advised; raise it"
        )
    if latest is not None and latest in {Version.parse(text) for text in floor.block}:
        yield fault(
            "/block", "blocks_latest", f"{floor.latest} is what clients are to fetch; release another first"
        )


def fault(pointer: str, code: str, detail: str) -> dict[str, str]:
    return {"pointer": pointer, "code": code, "detail": detail}
