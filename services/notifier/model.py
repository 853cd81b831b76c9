"""What is told to whom: one table for mails, one for webhooks. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from contracts.event import Event
from contracts.registry import (
    DemoResetFailedV1,
    EntitlementsChangedV1,
    LeadRequestedV1,
    TenantActivatedV1,
    TrialRequestedV1,
)
from contracts.roles import OrgRole


@dataclass(frozen=True, slots=True)
class MailRule:
    """A notice: its template, who gets it, the key under which it is told once, what the template needs.

    Either a role in the tenant, or a place in the registry's directory that knows whom to tell.
    """

    template: str
    role: OrgRole | Callable[[Any], str]
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
    LeadRequestedV1: MailRule(
        "lead_received",
        lambda event: f"leads/{event.lead_id}",
        lambda event: f"lead-{event.lead_id}",
        lambda _: {},
    ),
    TrialRequestedV1: MailRule(
        "trial_verification",
        lambda event: f"trials/{event.trial_id}",
        lambda event: f"trial-{event.trial_id}",
        lambda _: {},
    ),
    DemoResetFailedV1: MailRule(
        "demo_reset_failed",
        lambda _: "operators",
        lambda event: f"demo-{event.finished_at.isoformat()}",
        lambda event: {"night": event.night.isoformat(), "faults": list(event.faults)},
    ),
}
"""Event → the mail that follows from it."""

WEBHOOKS: dict[type[Event], str] = {
    TenantActivatedV1: "tenant.activated",
    EntitlementsChangedV1: "entitlements.changed",
}
"""Event → the type under which customers' systems hear of it."""


def audience_of(rule: MailRule, event: Any) -> str:
    """As the table `notice` keeps it."""
    return rule.role.value if isinstance(rule.role, OrgRole) else rule.role(event)


def is_inside(role: str) -> bool:
    """Whether these are our own people, or somebody who asked to be told; else members of the tenant."""
    return role not in set(OrgRole)


def wants(event_types: list[str], type_: str) -> bool:
    """Whether a subscription covers a type: exact, or `noun.*`, or `*`."""
    return any(
        wanted in {"*", type_} or (wanted.endswith(".*") and type_.startswith(wanted[:-1]))
        for wanted in event_types
    )
