"""Who may do what: one table from roles to capabilities, which guards every endpoint of every service.

`GET /v1/me/capabilities` answers it, so that nobody is shown what they may not use.
"""

import uuid
from collections.abc import Mapping
from enum import StrEnum
from uuid import UUID

from contracts.claims import Claims
from contracts.roles import OrgRole, RealmRole

DEMO_TENANT_ID = uuid.uuid5(uuid.NAMESPACE_URL, "urn:tenantry:demo")
"""The one tenant that is shared by everybody who wants to see Tenantry."""


class Capability(StrEnum):
    """What an endpoint can need. `tenant.*` and the like are had in one tenant; `platform.*` everywhere."""

    TENANT_READ = "tenant.read"
    PROJECT_READ = "project.read"
    PROJECT_MANAGE = "project.manage"
    MEMBER_READ = "member.read"
    MEMBER_MANAGE = "member.manage"
    IDENTITY_READ = "identity.read"
    IDENTITY_MANAGE = "identity.manage"
    API_KEY_READ = "api_key.read"
    API_KEY_MANAGE = "api_key.manage"
    DEVICE_ENROL = "device.enrol"
    DEVICE_READ = "device.read"
    DEVICE_MANAGE = "device.manage"
    WEBHOOK_READ = "webhook.read"
    WEBHOOK_MANAGE = "webhook.manage"
    BILLING_READ = "billing.read"
    BILLING_MANAGE = "billing.manage"
    AUDIT_READ = "audit.read"
    AUDIT_MANAGE = "audit.manage"
    AUDIT_VERIFY = "audit.verify"
    ENTITLEMENT_READ = "entitlement.read"
    USAGE_READ = "usage.read"
    PRODUCT_ACT = "product.act"
    PRODUCT_USE = "product.use"
    CATALOGUE_READ = "catalogue.read"
    CATALOGUE_REQUEST = "catalogue.request"
    SUPPORT_USE = "support.use"

    PLATFORM_TENANT_READ = "platform.tenant.read"
    PLATFORM_TENANT_CREATE = "platform.tenant.create"
    PLATFORM_TENANT_MOVE = "platform.tenant.move"
    PLATFORM_CATALOGUE_READ = "platform.catalogue.read"
    PLATFORM_CATALOGUE_MANAGE = "platform.catalogue.manage"
    PLATFORM_FLAG_READ = "platform.flag.read"
    PLATFORM_FLAG_MANAGE = "platform.flag.manage"
    PLATFORM_IMPERSONATE = "platform.impersonate"
    PLATFORM_LEAD_READ = "platform.lead.read"
    PLATFORM_LEAD_OWN = "platform.lead.own"
    PLATFORM_DEMO_READ = "platform.demo.read"
    PLATFORM_DEMO_LEASE = "platform.demo.lease"
    PLATFORM_DEMO_MANAGE = "platform.demo.manage"
    PLATFORM_SCOPE_VERIFY = "platform.scope.verify"
    PLATFORM_ROLLBACK_PLAY = "platform.rollback.play"
    PLATFORM_GAP_READ = "platform.gap.read"
    PLATFORM_LOCK_HALT = "platform.lock.halt"


EVERYTHING = frozenset(Capability)
OF_A_TENANT = frozenset(one for one in Capability if not one.startswith("platform."))
READING = frozenset(one for one in Capability if one.endswith(".read")) | {Capability.AUDIT_VERIFY}
EVERYBODY = frozenset(
    {
        Capability.TENANT_READ,
        Capability.DEVICE_ENROL,
        Capability.DEVICE_READ,
        Capability.CATALOGUE_READ,
        Capability.CATALOGUE_REQUEST,
        Capability.SUPPORT_USE,
        Capability.PRODUCT_USE,
    }
)
BILLING = frozenset({Capability.BILLING_READ, Capability.BILLING_MANAGE})
NOT_IN_DEMO = frozenset({Capability.AUDIT_MANAGE, Capability.BILLING_MANAGE})
"""Nobody has these in the demo tenant: its log is not exported, and it is never billed."""

MEMBERS: Mapping[str, frozenset[Capability]] = {
    OrgRole.IT_ADMIN: OF_A_TENANT,
    OrgRole.CXO: EVERYBODY
    | BILLING
    | {Capability.AUDIT_READ, Capability.AUDIT_VERIFY, Capability.ENTITLEMENT_READ, Capability.USAGE_READ},
    OrgRole.FINANCE: EVERYBODY | BILLING | {Capability.ENTITLEMENT_READ, Capability.USAGE_READ},
    OrgRole.LEGAL: EVERYBODY | {Capability.AUDIT_READ, Capability.AUDIT_MANAGE, Capability.AUDIT_VERIFY},
    OrgRole.AUDITOR: EVERYBODY | {Capability.AUDIT_VERIFY},
    OrgRole.USER: EVERYBODY,
}
"""What a member may do in its own tenant; a member without any of these roles has what USER has.

An auditor proves that the log is whole, and sees no personal data in it.
"""

OPERATORS: Mapping[str, frozenset[Capability]] = {
    RealmRole.PLATFORM_ADMIN: EVERYTHING,
    RealmRole.SUPPORT_ENGINEER: READING | {Capability.PLATFORM_IMPERSONATE},
    RealmRole.SALES_REP: frozenset(
        {Capability.PLATFORM_LEAD_OWN, Capability.PLATFORM_DEMO_READ, Capability.PLATFORM_DEMO_LEASE}
    ),
    RealmRole.CUSTOMER_SUCCESS: frozenset(
        {
            Capability.PLATFORM_TENANT_READ,
            Capability.TENANT_READ,
            Capability.MEMBER_READ,  # who verifies a scope must see it
            Capability.PLATFORM_SCOPE_VERIFY,
        }
    ),
    RealmRole.SRE: frozenset(
        {
            Capability.PLATFORM_FLAG_READ,
            Capability.PLATFORM_ROLLBACK_PLAY,
            Capability.PLATFORM_GAP_READ,
            Capability.PLATFORM_LOCK_HALT,
        }
    ),
}
"""What our own staff may do, in every tenant. A sales representative is an IT admin of the demo tenant besides."""


def capabilities_of(claims: Claims, tenant_id: UUID | None) -> frozenset[Capability]:
    """What the caller may do in this tenant (none: outside of any). Nothing in another tenant than the member's own."""
    found: set[Capability] = set()
    for role in claims.realm_roles:
        found |= OPERATORS.get(role, frozenset())
    if RealmRole.SALES_REP in claims.realm_roles and tenant_id == DEMO_TENANT_ID:
        found |= MEMBERS[OrgRole.IT_ADMIN]
    if claims.tenant_id is not None and claims.tenant_id == tenant_id:
        found |= EVERYBODY
        for role in claims.org_roles:
            found |= MEMBERS.get(role, frozenset())
    return frozenset(found - NOT_IN_DEMO if tenant_id == DEMO_TENANT_ID else found)
