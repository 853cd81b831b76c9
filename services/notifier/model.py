"""What is told to whom: one table for mails, one for webhooks. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from contracts.event import Event
from contracts.registry import EntitlementsChangedV1, TenantActivatedV1
from contracts.roles import OrgRole


@dataclass(frozen=True, slots=True)
class MailRule:
    """A notice: its template, who gets it, the key under which it is told once, what the template needs."""

    template: str
    role: OrgRole
    business_key: Callable[[Any], str]
    data: Callable[[Any], dict[str, Any]]


MAILS: dict[type[Event], MailRule] = {
    TenantActivatedV1: MailRule(
        "subscription_active",
        OrgRole.IT_ADMIN,
        lambda event: f"activated-{event.sales_order or event.ent_v}",
        lambda event: {
            "plan": event.plan,
            "products": list(event.products),
            "contract_end": event.contract_end.isoformat() if event.contract_end else None,
        },
    ),
}
"""Event → the mail that follows from it."""

WEBHOOKS: dict[type[Event], str] = {
    TenantActivatedV1: "tenant.activated",
    EntitlementsChangedV1: "entitlements.changed",
}
"""Event → the type under which customers' systems hear of it."""


def wants(event_types: list[str], type_: str) -> bool:
    """Whether a subscription covers a type: exact, or `noun.*`, or `*`."""
    return any(
        wanted in {"*", type_} or (wanted.endswith(".*") and type_.startswith(wanted[:-1]))
        for wanted in event_types
    )
