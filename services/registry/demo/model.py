"""When the demo tenant is put back, how long a demo may hold that off, and what is put back. Pure."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from contracts.roles import BackofficeRole, OrgRole
from services.registry.identity import NewMember
from services.registry.projects.rules import DEFAULT
from services.registry.tenants.operations import NewTenant

ZONE = ZoneInfo("Europe/Berlin")
AT = time(3)
"""Exists once in every night there: clocks go from 02:00 to 03:00 in March, and from 03:00 to 02:00 in October."""
LONGEST_LEASE = timedelta(hours=4)
OPERATION = "demo"
SOURCE = "plan"
ASKED = NewTenant("demo", "Demo", "demo", "en", ZONE.key, None)


def member(name: str, email: str, locale: str, roles: list[str], places: Sequence[str] = ()) -> NewMember:
    backoffice = [BackofficeRole.FRONT_DESK.value] if places else []
    return NewMember(f"{email}@demo.tenantry.example", name, locale, roles, backoffice, list(places))


PROPERTIES = {"hotel-one": "Hotel one", "hotel-two": "Hotel two"}
"""By code; both stand where the demo's clock is."""
MEMBERS = (
    member("Demo administrator", "administrator", "en", [OrgRole.IT_ADMIN.value]),
    member("Demo management", "management", "en", [OrgRole.CXO.value]),
    member("Demo finance", "finance", "fr", [OrgRole.FINANCE.value]),
    member("Demo legal", "legal", "en", [OrgRole.LEGAL.value]),
    member("Demo front desk", "front.desk", "en", [OrgRole.USER.value], list(PROPERTIES)),
)
"""Who is there in the morning; nobody reads these mailboxes."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put back: records by kind, and a checksum over them in hexadecimal."""

    counts: Mapping[str, int]
    checksum: str


def reset_of(night: date) -> datetime:
    """The instant of that night's reset."""
    return datetime.combine(night, AT, ZONE).astimezone(UTC)


def night_after(now: datetime) -> date:
    """The first night whose reset is still to come."""
    today = now.astimezone(ZONE).date()
    return today if reset_of(today) > now else today + timedelta(days=1)


def restored(
    members: Sequence[Mapping[str, Any]],
    grants: Sequence[Mapping[str, Any]],
    properties: Sequence[Mapping[str, Any]],
    projects: Sequence[Mapping[str, Any]],
) -> Restored:
    """Counts and checksum of the registry's own rows; made from rows and from the fixtures alike."""
    texts, lists = ("email", "name", "locale"), ("org_roles", "backoffice_roles", "properties")
    told = [
        sorted([*(row[name] for name in texts), *(sorted(row[name]) for name in lists)] for row in members),
        sorted([row["product_key"], row["source"], row["enabled"]] for row in grants),
        sorted([row["code"], row["name"], row["time_zone"]] for row in properties),
        sorted([row["project_id"], row["archived_at"] is None] for row in projects),
    ]
    checksum = hashlib.sha256(orjson.dumps(told)).hexdigest()
    listed = {"members": members, "products": grants, "properties": properties, "projects": projects}
    return Restored({name: len(rows) for name, rows in listed.items()}, checksum)


def fixtures(products: Sequence[str]) -> Restored:
    """What must be there after a reset."""
    members = [{name: getattr(one, name) for name in NewMember.__slots__} for one in MEMBERS]
    return restored(
        members,
        [{"product_key": key, "source": SOURCE, "enabled": True} for key in products],
        [{"code": code, "name": name, "time_zone": ZONE.key} for code, name in PROPERTIES.items()],
        [{"project_id": DEFAULT, "archived_at": None}],
    )
