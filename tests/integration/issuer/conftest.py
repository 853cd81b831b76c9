"""The issuer as its `app.py` composes it, on loopback, with one member who can sign in."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from joserfc.jwk import ECKey

from chassis.outgoing import http_client
from tenantry.issuer.app import compose
from tenantry.issuer.settings import IssuerSettings
from tests.infra import eventually
from tests.integration.issuer.visitor import ADMIN, ADMIN_SECRET, EMAIL, OTP, PASSWORD, Visitor
from tests.ports import free_port

SHORTEST_CODE = 5


@pytest.fixture
def service_key() -> ECKey:
    return ECKey.generate_key("P-256")


@pytest.fixture
def settings(tmp_path: Path, service_key: ECKey) -> IssuerSettings:
    clients = tmp_path / "clients.json"
    clients.write_text(json.dumps({"bff": service_key.as_dict(private=False)}), "utf-8")
    port = free_port()
    return IssuerSettings.model_validate(
        {
            "TENANTRY_MODE": "local",
            "port": port,
            "public_origin": f"http://127.0.0.1:{port}",
            "data": tmp_path / "issuer",
            "clients": clients,
            "admin_secret": ADMIN_SECRET,
            "code_seconds": SHORTEST_CODE,
            "attempts_per_minute": 5,
        }
    )


@pytest.fixture
async def http(settings: IssuerSettings) -> AsyncIterator[httpx.AsyncClient]:
    stop = asyncio.Event()
    running = asyncio.create_task(compose(settings).run(stop))
    async with http_client(base_url=settings.public_origin) as client:
        await eventually(lambda: answers(client), what="the issuer")
        yield client
    stop.set()
    await running


async def answers(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/livez")).is_success
    except httpx.TransportError:
        return False


@pytest.fixture
async def member_id(http: httpx.AsyncClient) -> str:
    """Ann, IT admin of Acme, with a second factor."""
    body = {"operation_id": "op-1", "alias": "acme", "name": "Acme"}
    organisation = (await http.post("/admin/organizations", json=body, headers=ADMIN)).json()
    person = {"email": EMAIL, "name": "Ann", "org_roles": ["IT_ADMIN"], "properties": ["p1"]}
    path = f"/admin/organizations/{organisation['id']}/members"
    member = (await http.post(path, json=person, headers=ADMIN)).json()
    secret = {"password": PASSWORD, "otp": OTP}
    path = f"/admin/members/{member['id']}/credentials"
    (await http.put(path, json=secret, headers=ADMIN)).raise_for_status()
    return str(member["id"])


@pytest.fixture
def visitor(http: httpx.AsyncClient, member_id: str) -> Visitor:
    return Visitor(http)
