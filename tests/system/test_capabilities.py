"""The capability table as a whole: every role × every endpoint of every service, on running services."""

import asyncio
import json
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from contracts.capabilities import MEMBERS, OPERATORS, Capability
from contracts.roles import OrgRole, RealmRole
from contracts.subjects import SERVICES
from tenantry.demo.world import World
from tenantry.issuer.signing import Signer
from tenantry.stack.stack import Stack

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("stack")]
PUBLIC = "public"
SIGNED = "signed by the ERP"
SIGNED_IN = "anybody who is signed in"
DEVICE = "a device with its proof"
PUBLISHER = "a publisher with its token"
TENANT = "/v1/tenants/{tenant_id}"
DIRECTORY = "/internal/v1/directory/tenants/{tenant_id}"
BFF = "/bff/backoffice/v1"
PROJECT = "/publisher/v1/project/{project_id}"
FLOOR = "/v1/version-floors/{platform}/{channel}"


@dataclass(frozen=True, slots=True)
class OnADevice:
    """A device with its proof, whose member has a capability."""

    capability: Capability


LEADS = frozenset({Capability.PLATFORM_LEAD_READ, Capability.PLATFORM_LEAD_OWN})
"""Either of them: all leads, or those that one owns."""

PROOFS = frozenset({Capability.AUDIT_READ, Capability.AUDIT_VERIFY})
"""Who may read, and who may verify without seeing personal data."""

# Written out by hand: an endpoint that is not here fails the test, so that who may call it has to be meant.
TABLE: dict[str, dict[str, Any]] = {
    "registry": {
        "POST /v1/tenants": Capability.PLATFORM_TENANT_CREATE,
        "GET /v1/tenants": Capability.PLATFORM_TENANT_READ,
        f"GET {TENANT}": Capability.TENANT_READ,
        f"GET {TENANT}/timeline": Capability.TENANT_READ,
        f"GET {TENANT}/cancellation-preview": Capability.TENANT_READ,
        f"POST {TENANT}/activation": Capability.PLATFORM_TENANT_MOVE,
        f"POST {TENANT}/cancellation": Capability.PLATFORM_TENANT_MOVE,
        f"DELETE {TENANT}/cancellation": Capability.PLATFORM_TENANT_MOVE,
        f"POST {TENANT}/reactivation": Capability.PLATFORM_TENANT_MOVE,
        f"POST {TENANT}/freeze": Capability.PLATFORM_TENANT_MOVE,
        f"POST {TENANT}/hold": Capability.PLATFORM_TENANT_MOVE,
        f"DELETE {TENANT}/hold": Capability.PLATFORM_TENANT_MOVE,
        f"POST {TENANT}/members": Capability.MEMBER_MANAGE,
        f"GET {TENANT}/members": Capability.MEMBER_READ,
        f"GET {TENANT}/members/{{member_id}}": Capability.MEMBER_READ,
        f"PUT {TENANT}/members/{{member_id}}/roles": Capability.MEMBER_MANAGE,
        f"DELETE {TENANT}/members/{{member_id}}": Capability.MEMBER_MANAGE,
        f"GET {TENANT}/members/{{member_id}}/scopes": Capability.MEMBER_READ,
        f"PUT {TENANT}/members/{{member_id}}/scopes/{{code}}": Capability.MEMBER_MANAGE,
        f"DELETE {TENANT}/members/{{member_id}}/scopes/{{code}}": Capability.MEMBER_MANAGE,
        f"POST {TENANT}/members/{{member_id}}/scopes/{{code}}/verification": Capability.PLATFORM_SCOPE_VERIFY,
        f"GET {TENANT}/member-scopes": Capability.MEMBER_READ,
        f"POST {TENANT}/member-scopes/import": Capability.MEMBER_MANAGE,
        f"GET {TENANT}/properties": Capability.MEMBER_READ,
        f"POST {TENANT}/properties": Capability.MEMBER_MANAGE,
        f"GET {TENANT}/properties/{{code}}": Capability.MEMBER_READ,
        f"PATCH {TENANT}/properties/{{code}}": Capability.MEMBER_MANAGE,
        f"DELETE {TENANT}/properties/{{code}}": Capability.MEMBER_MANAGE,
        f"GET {TENANT}/projects": Capability.PROJECT_READ,
        f"POST {TENANT}/projects": Capability.PROJECT_MANAGE,
        f"GET {TENANT}/projects/{{project_id}}": Capability.PROJECT_READ,
        f"PATCH {TENANT}/projects/{{project_id}}": Capability.PROJECT_MANAGE,
        f"DELETE {TENANT}/projects/{{project_id}}": Capability.PROJECT_MANAGE,
        f"GET {TENANT}/entitlements": Capability.ENTITLEMENT_READ,
        f"PUT {TENANT}/products/{{product}}": Capability.PLATFORM_TENANT_MOVE,
        "GET /internal/claims/{org_id}": SERVICES,
        "GET /v1/products": Capability.CATALOGUE_READ,
        "POST /v1/products": Capability.PLATFORM_CATALOGUE_MANAGE,
        "GET /v1/products/{key}": Capability.CATALOGUE_READ,
        "DELETE /v1/products/{key}": Capability.PLATFORM_CATALOGUE_MANAGE,
        "GET /v1/products/{key}/conformance": Capability.PLATFORM_CATALOGUE_READ,
        "POST /v1/products/{key}/conformance": Capability.PLATFORM_CATALOGUE_MANAGE,
        f"POST {TENANT}/products/{{product}}/actions/{{action}}": Capability.PRODUCT_ACT,
        f"GET {TENANT}/products/{{product}}/actions": Capability.ENTITLEMENT_READ,
        f"POST {TENANT}/api-keys": Capability.API_KEY_MANAGE,
        f"GET {TENANT}/api-keys": Capability.API_KEY_READ,
        f"GET {TENANT}/api-keys/{{key_id}}": Capability.API_KEY_READ,
        f"POST {TENANT}/api-keys/{{key_id}}/rotation": Capability.API_KEY_MANAGE,
        f"DELETE {TENANT}/api-keys/{{key_id}}": Capability.API_KEY_MANAGE,
        "POST /v1/api-keys/report-leak": PUBLIC,
        "POST /internal/api-keys/verify": ("product:notetaker",),
        f"GET {TENANT}/usage": Capability.USAGE_READ,
        "POST /internal/usage": ("product:notetaker",),
        "GET /v1/flags": Capability.PLATFORM_FLAG_READ,
        "GET /v1/flags/{name}": Capability.PLATFORM_FLAG_READ,
        "GET /v1/flags/{name}/history": Capability.PLATFORM_FLAG_READ,
        "GET /v1/flags/{name}/overrides": Capability.PLATFORM_FLAG_READ,
        "PUT /v1/flags/{name}": Capability.PLATFORM_FLAG_MANAGE,
        "DELETE /v1/flags/{name}": Capability.PLATFORM_FLAG_MANAGE,
        "GET /v1/version-floors": Capability.PLATFORM_FLAG_READ,
        f"GET {FLOOR}": Capability.PLATFORM_FLAG_READ,
        f"GET {FLOOR}/history": Capability.PLATFORM_FLAG_READ,
        f"POST {FLOOR}/preview": Capability.PLATFORM_FLAG_READ,
        f"PUT {FLOOR}": Capability.PLATFORM_FLAG_MANAGE,
        f"DELETE {FLOOR}": Capability.PLATFORM_FLAG_MANAGE,
        "GET /v1/demo": Capability.PLATFORM_DEMO_READ,
        "POST /v1/demo/lease": Capability.PLATFORM_DEMO_LEASE,
        "DELETE /v1/demo/lease": Capability.PLATFORM_DEMO_LEASE,
        "POST /v1/demo/reset": Capability.PLATFORM_DEMO_MANAGE,
        "GET /v1/catalog": Capability.CATALOGUE_READ,
        "POST /v1/catalog/requests": Capability.CATALOGUE_REQUEST,
        "POST /v1/catalog/trial-requests": Capability.PLATFORM_LEAD_OWN,
        "POST /v1/billing/upgrade-requests": Capability.BILLING_MANAGE,
        "GET /v1/leads": LEADS,
        "GET /v1/leads/{lead_id}": LEADS,
        "POST /v1/leads/{lead_id}/closing": Capability.PLATFORM_LEAD_OWN,
        f"PUT {TENANT}/sales-owner": Capability.PLATFORM_TENANT_MOVE,
        "POST /v1/trials": PUBLIC,
        "POST /v1/trials/verification": PUBLIC,
        "GET /internal/v1/directory/leads/{lead_id}/recipients": ("notifier",),
        "GET /internal/v1/directory/trials/{trial_id}/recipients": ("notifier",),
        "GET /internal/v1/directory/operators/recipients": ("notifier",),
        "GET /v1/me/capabilities": SIGNED_IN,
        "POST /webhooks/erpnext": SIGNED,
        "POST /v1/devices/challenges": Capability.DEVICE_ENROL,
        "POST /v1/devices": Capability.DEVICE_ENROL,
        "GET /v1/devices/{device_id}": Capability.DEVICE_READ,
        "DELETE /v1/devices/{device_id}": Capability.DEVICE_MANAGE,
        f"GET {DIRECTORY}": ("audit", "bff", "notifier", "sync"),
        f"GET {DIRECTORY}/devices/{{jkt}}": ("bff",),
        f"GET {DIRECTORY}/members/{{member_id}}": ("bff",),
        f"GET {DIRECTORY}/recipients": ("notifier",),
    },
    "bff": {
        f"POST {BFF}/sessions": DEVICE,
        f"DELETE {BFF}/sessions/{{session_id}}": DEVICE,
        f"POST {BFF}/sessions/{{session_id}}/heartbeat": DEVICE,
        f"GET {BFF}/bootstrap": DEVICE,
        f"GET {BFF}/events": DEVICE,
        f"GET {BFF}/devices/status": OnADevice(Capability.DEVICE_READ),
        f"POST {BFF}/sync/{{verb}}": DEVICE,
        f"POST {BFF}/locks/{{lock_id}}/actions": DEVICE,
        f"GET {BFF}/lock-actions/{{action_id}}": DEVICE,
    },
    "audit": {
        f"GET {TENANT}/audit/records": PROOFS,
        f"GET {TENANT}/audit/log/checkpoint": PROOFS,
        f"GET {TENANT}/audit/log/tile/entries/{{number}}": PROOFS,
        f"GET {TENANT}/audit/log/tile/{{level}}/{{number}}": PROOFS,
        f"GET {TENANT}/audit/ledger": PROOFS,
        f"POST {TENANT}/audit/exports": frozenset({Capability.AUDIT_MANAGE, Capability.AUDIT_VERIFY}),
        f"GET {TENANT}/audit/exports": PROOFS,
        f"GET {TENANT}/audit/exports/{{export_id}}": PROOFS,
        "GET /v1/audit/exports/{token}": PUBLIC,
        f"POST {TENANT}/audit/holds": Capability.AUDIT_MANAGE,
        f"GET {TENANT}/audit/holds": Capability.AUDIT_READ,
        f"GET {TENANT}/audit/holds/{{hold_id}}": Capability.AUDIT_READ,
        f"DELETE {TENANT}/audit/holds/{{hold_id}}": Capability.AUDIT_MANAGE,
        "GET /v1/audit/ledger/checkpoint": PUBLIC,
        "GET /v1/audit/ledger/consistency": PUBLIC,
        "GET /v1/audit/anchors": PUBLIC,
        f"GET {TENANT}/audit/inclusion": PROOFS,
        f"GET {TENANT}/audit/consistency": PROOFS,
        f"POST {TENANT}/audit/search": PROOFS,
        f"GET {TENANT}/audit/search-store": PROOFS,
        f"POST {TENANT}/audit/search-store/rebuild": Capability.AUDIT_MANAGE,
        f"POST {TENANT}/audit/subjects/{{subject}}/erasure": Capability.AUDIT_MANAGE,
        f"POST {TENANT}/audit/publisher-tokens": Capability.AUDIT_MANAGE,
        f"GET {TENANT}/audit/publisher-tokens": Capability.AUDIT_MANAGE,
        f"GET {TENANT}/audit/publisher-tokens/{{token_id}}": Capability.AUDIT_MANAGE,
        f"DELETE {TENANT}/audit/publisher-tokens/{{token_id}}": Capability.AUDIT_MANAGE,
        f"POST {PROJECT}/event": PUBLISHER,
        f"POST {PROJECT}/event/bulk": PUBLISHER,
        f"GET {PROJECT}/viewertoken": PUBLISHER,
        f"POST {PROJECT}/graphql": PUBLISHER,
        "GET /v1/audit/key": PUBLIC,
        "GET /v1/audit/gaps": Capability.PLATFORM_GAP_READ,
        "GET /v1/audit/lock-actions/halts": Capability.PLATFORM_GAP_READ,
        "POST /v1/audit/lock-actions/halts": Capability.PLATFORM_LOCK_HALT,
        f"POST {TENANT}/audit/lock-actions/resumption": Capability.PLATFORM_LOCK_HALT,
    },
    "sync": {f"POST /sync/v1/{verb}": ("bff",) for verb in ("handshake", "pull", "push")},
    "notifier": {
        f"POST {TENANT}/webhook-endpoints": Capability.WEBHOOK_MANAGE,
        f"GET {TENANT}/webhook-endpoints": Capability.WEBHOOK_READ,
        f"DELETE {TENANT}/webhook-endpoints/{{endpoint_id}}": Capability.WEBHOOK_MANAGE,
        f"GET {TENANT}/webhook-deliveries": Capability.WEBHOOK_READ,
        f"GET {TENANT}/mails": Capability.WEBHOOK_READ,
    },
}
HEALTH = {"GET /livez", "GET /readyz", "GET /v1/about"}
STREAM = {f"GET {BFF}/sse/stream"}
"""On a listener of its own, behind the same door; its tests are in tests/integration/bff."""
NOBODY = "nobody"
STRANGER = "IT_ADMIN of another tenant"
ROLES = [
    NOBODY,
    STRANGER,
    *OrgRole,
    *RealmRole,
    *(f"service:{name}" for name in (*SERVICES, "product:notetaker")),
]


@dataclass(frozen=True, slots=True)
class Place:
    """The stack, a tenant in it, and a signer of tokens with the issuer's own key."""

    stack: Stack
    tenant_id: str
    signer: Signer

    def headers(self, role: str) -> dict[str, str]:
        if role == NOBODY:
            return {}
        return {"Authorization": f"Bearer {self.signer.sign(self.claims(role), time.time(), 600)}"}

    def claims(self, role: str) -> dict[str, Any]:
        told: dict[str, Any] = {"sub": f"somebody-{role}", "aud": list(SERVICES), "acr": "mfa"}
        if role == STRANGER or role in MEMBERS:
            tenant_id = str(uuid.uuid4()) if role == STRANGER else self.tenant_id
            told["organization"] = {"acme": {"id": "o", "tenant_id": [tenant_id]}}
            told["groups"] = ["/IT_ADMIN" if role == STRANGER else f"/{role}"]
        else:
            told["realm_access"] = {"roles": [role]}
        return told


async def new_tenant(stack: Stack) -> str:
    world = World(stack)
    tenant = await world.new_tenant("en")
    await world.close()
    return tenant.tenant_id


@pytest.fixture(scope="module")
def place(live_stack: Path) -> Place:
    stack = Stack(live_stack)
    signer = Signer.kept_in(live_stack / "issuer" / "issuer.sqlite", stack.url("issuer"))
    return Place(stack, asyncio.run(new_tenant(stack)), signer)


def may(role: str, need: Any, path: str) -> bool:
    """What the table says."""
    if need in {PUBLIC, SIGNED_IN}:
        return need == PUBLIC or role != NOBODY
    if need in {SIGNED, DEVICE, PUBLISHER} or isinstance(need, OnADevice):
        return False  # none of these tokens is a signature or comes with a proof
    if isinstance(need, frozenset):
        return any(may(role, one, path) for one in need)
    if isinstance(need, tuple):
        return role.startswith("service:") and role.removeprefix("service:") in need
    if role == STRANGER:
        return "{tenant_id}" not in path and need in MEMBERS[OrgRole.IT_ADMIN]
    return need in MEMBERS.get(role, OPERATORS.get(role, frozenset()))


@pytest.mark.parametrize("service", SERVICES)
def test_every_role_reaches_exactly_what_the_table_gives_it(service: str, place: Place) -> None:
    wrong: list[str] = []
    with httpx.Client(base_url=place.stack.url(service), trust_env=False, timeout=20) as http:
        for endpoint, need in TABLE[service].items():
            method, path = endpoint.split(" ", 1)
            for role in ROLES:
                answer = call(http, place, role, method, path)
                reached = is_reached(answer)
                if reached != may(role, need, path):
                    wrong.append(f"{role} {endpoint} ({need}): {answer.status_code} {answer.text[:120]}")
    assert not wrong, "\n".join(wrong)


def call(http: httpx.Client, place: Place, role: str, method: str, path: str) -> httpx.Response:
    """With a body that is never good, so that nothing is changed."""
    filled = path.replace("{tenant_id}", place.tenant_id).replace("{verb}", "push")
    filled = filled.replace("{key}", "nothing").replace("{product}", "nothing").replace("{action}", "nothing")
    for name in (
        "device_id",
        "session_id",
        "endpoint_id",
        "key_id",
        "jkt",
        "member_id",
        "org_id",
        "lead_id",
        "trial_id",
        "token_id",
        "project_id",
        "subject",
        "lock_id",
        "action_id",
    ):
        filled = filled.replace(f"{{{name}}}", str(uuid.UUID(int=7)))
    body = None if method in {"GET", "DELETE"} else {"nothing": "good"}
    headers = {**place.headers(role), "Tenantry-Reason": "Who may call what is tested"}
    return http.request(method, filled, json=body, headers=headers)


def is_reached(answer: httpx.Response) -> bool:
    """Past the guard: what comes then (a missing key, a bad body, an unknown id) is another matter."""
    assert answer.status_code < 500, answer.text
    is_hidden = answer.status_code == 404 and "that you may see" in answer.text
    return answer.status_code not in {401, 403} and not is_hidden


@pytest.mark.parametrize("service", SERVICES)
def test_every_endpoint_is_in_the_table_and_tells_its_capability(service: str, place: Place) -> None:
    document = httpx.get(f"{place.stack.url(service)}/v1/openapi.json", trust_env=False).json()
    told = {
        f"{method.upper()} {path}": operation
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    assert set(told) - HEALTH - STREAM == set(TABLE[service])
    for endpoint, need in TABLE[service].items():
        capability = need.value if isinstance(need, Capability) else None
        if isinstance(need, OnADevice):
            capability = need.capability.value
        if isinstance(need, frozenset):
            capability = next(one.value for one in need if one == told[endpoint].get("x-capability"))
        assert told[endpoint].get("x-capability") == capability, endpoint
        assert ("security" in told[endpoint]) == (need not in {PUBLIC, SIGNED}), endpoint


@pytest.mark.parametrize("role", [*OrgRole, *RealmRole])
def test_a_page_is_told_what_to_draw(role: str, place: Place) -> None:
    url = f"{place.stack.url('registry')}/v1/me/capabilities"
    asked = {"tenant_id": place.tenant_id}
    answer = httpx.get(url, params=asked, headers=place.headers(role), trust_env=False)
    expected = MEMBERS.get(role, OPERATORS.get(role, frozenset()))
    assert answer.json()["capabilities"] == sorted(one.value for one in expected), json.dumps(answer.json())
