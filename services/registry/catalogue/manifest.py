"""A product's manifest: what it is, on which plans, with which quotas, actions and roles. Strict and checksummed."""

import hashlib
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, model_validator

from chassis.fields import Flag, Whole
from contracts.roles import OrgRole
from services.registry.bodies import Key

Version = Annotated[str, Field(pattern=r"^(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})$")]
Words = Annotated[str, Field(min_length=1, max_length=500)]
Url = Annotated[str, Field(pattern=r"^https?://[^\s]{1,400}$")]
BuyablePlan = Literal["starter", "professional", "enterprise"]


class Strict(BaseModel):
    """Refuses unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Texts(Strict):
    """One text per locale."""

    en: Words
    fr: Words


class Frontend(Strict):
    """How people meet the product; a widget is a custom element from a bundle with its integrity."""

    type: Literal["interactive", "widget", "headless"]
    bundle_url: Url | None = None
    integrity: Annotated[str, Field(pattern=r"^sha(256|384|512)-[A-Za-z0-9+/=]{40,100}$")] | None = None
    element: Annotated[str, Field(pattern=r"^[a-z]+(-[a-z0-9]+)+$", max_length=60)] | None = None

    @model_validator(mode="after")
    def whole_widget(self) -> "Frontend":
        has_bundle = None not in (self.bundle_url, self.integrity, self.element)
        if (self.type == "widget") != has_bundle:
            raise ValueError("a widget names bundle_url, integrity and element; nothing else does")
        return self


class AdminAction(Strict):
    """Something that an administrator can ask of the product for one tenant."""

    key: Key
    is_destructive: Flag = False


class Tile(Strict):
    """A number that the portal shows."""

    metric: Key
    label: Texts
    window: Literal["day", "month"] = "month"


class Manifest(Strict):
    """The whole manifest."""

    key: Key
    version: Version
    name: Texts
    description: Texts
    frontend: Frontend
    plans: Annotated[list[BuyablePlan], Field(max_length=3)]
    in_trial: Flag = True
    trial_quota: Annotated[dict[Key, Annotated[Whole, Field(ge=0)]], Field(max_length=50)] = {}
    supports_projects: Flag = False
    pricing_tier: Literal["flat", "per_seat", "per_use"] = "flat"
    api_base: Url | None = None
    documentation_url: Url | None = None
    seed_data_url: Url | None = None
    actions: Annotated[list[AdminAction], Field(max_length=50)] = []
    tile: Tile | None = None
    role_map: Annotated[dict[OrgRole, Key], Field(max_length=10)] = {}

    @property
    def checksum(self) -> str:
        """SHA-256 of the manifest with sorted names, in hexadecimal."""
        told = self.model_dump(mode="json", exclude_none=True)
        return hashlib.sha256(orjson.dumps(told, option=orjson.OPT_SORT_KEYS)).hexdigest()


def version_of(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


def breaking_changes(old: Manifest, new: Manifest) -> list[str]:
    """What somebody who relied on `old` would miss in `new`; such a manifest needs a new major version."""
    found = [f"plans: {plan} is gone" for plan in old.plans if plan not in new.plans]
    if old.frontend.type != new.frontend.type:
        found.append(f"frontend.type: was {old.frontend.type}")
    if old.supports_projects and not new.supports_projects:
        found.append("supports_projects: was true")
    kept = {action.key for action in new.actions}
    found += [f"actions: {action.key} is gone" for action in old.actions if action.key not in kept]
    found += [
        f"role_map.{role}: was {name}"
        for role, name in old.role_map.items()
        if new.role_map.get(role) != name
    ]
    found += [f"trial_quota.{metric}: is gone" for metric in old.trial_quota if metric not in new.trial_quota]
    return found


def manifest_of(row: Any) -> Manifest:
    """From a row of the catalogue."""
    return Manifest.model_validate(row["manifest"])
