"""A publisher's token and what is posted with it, for tests on a running audit."""

import uuid
from typing import Any
from uuid import UUID

import httpx

from tests.integration.audit.tokens import TestIssuer

PROJECT = "front-office"


def event(**more: Any) -> dict[str, Any]:
    """An event that tells of persons in every way."""
    return {
        "action": "booking.updated",
        "crud": "u",
        "actor": {"id": "u-17", "name": "Ann Müller", "fields": {"email": "ann@hotel.example"}},
        "target": {"id": "b-9", "name": "Stay of Ben Okafor", "type": "booking"},
        "source_ip": "203.0.113.77",
        "description": "Room changed to 214",
        "fields": {"room": "214", "réservation": "déjà payée"},
        **more,
    }


async def new_token(
    audit: httpx.AsyncClient, issuer: TestIssuer, tenant_id: UUID, **more: Any
) -> dict[str, Any]:
    """A token as who made it sees it, `token` among it."""
    headers = {**issuer.member(tenant_id), "Idempotency-Key": uuid.uuid4().hex}
    body = {"name": "Front office", "project_id": PROJECT, "product": "notetaker", **more}
    answer = await audit.post(f"/v1/tenants/{tenant_id}/audit/publisher-tokens", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def post(
    audit: httpx.AsyncClient, token: str, body: Any, path: str = "event", **headers: str
) -> httpx.Response:
    """Authorised as Retraced's client does."""
    told = {
        "Authorization": f"token={token}",
        **{name.replace("_", "-"): text for name, text in headers.items()},
    }
    return await audit.post(f"/publisher/v1/project/{PROJECT}/{path}", json=body, headers=told)
