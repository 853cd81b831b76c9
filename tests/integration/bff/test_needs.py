"""What endpoints need beyond the door: a role, a property, a fresh second factor."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, Depends
from joserfc.jwk import ECKey

from chassis.auth import TokenVerifier
from chassis.bound_tokens import says_nonce
from chassis.bucket import Bucket
from chassis.clock import SystemClock
from chassis.db import Database
from chassis.health import Health
from chassis.http import create_api
from chassis.service_tokens import ServiceTokens
from chassis.switches import Switches
from chassis.watched import Watched
from contracts import settings as bucket
from contracts.roles import BackofficeRole
from services.bff.admission import Admit
from services.bff.directory import Directory
from services.bff.door import MFA_THRESHOLD, Door, Guest
from tests.infra import eventually
from tests.integration.bff.conftest import NewDesk
from tests.integration.bff.desk import Desk
from tests.integration.bff.stage import BASE, Bff, Stage
from tests.integration.bff.test_sessions import SESSION
from tests.integration.registry.switching import set_flag

HERE = "http://bff.example"
FRESH = 300
CHALLENGE = (
    'DPoP error="insufficient_user_authentication", acr_values="mfa", max_age="300",'
    ' algs="ES256 ES384 EdDSA Ed25519"'
)


def routes(admit: Admit) -> APIRouter:
    found = APIRouter()
    manager, keeper = BackofficeRole.GENERAL_MANAGER, BackofficeRole.HOUSEKEEPING

    @found.get("/anybody")
    async def anybody(guest: Annotated[Guest, Depends(admit)]) -> dict[str, Any]:
        return {"member": guest.member_id}

    @found.get("/managers")
    async def managers(guest: Annotated[Guest, admit.needing(manager, keeper)]) -> dict[str, Any]:
        return {"roles": sorted(guest.scope.backoffice_roles)}

    @found.get("/properties/{code}/rooms")
    async def rooms(code: str, guest: Annotated[Guest, admit.needing(property_in="code")]) -> str:
        return code

    for risk in range(4):

        @found.post(f"/risky/{risk}")
        async def risky(guest: Annotated[Guest, admit.needing(risk=risk)]) -> int:
            return 1

    return found


@pytest.fixture
async def own(stage: Stage, bff_data: Database) -> AsyncIterator[httpx.AsyncClient]:
    """An application of the test's own routes behind the real door."""
    clock, bus = SystemClock(), await stage.nats.bus("bff")
    watched = Watched(Bucket(bus, bucket.STREAM, bucket.PREFIX), bff_data, clock)
    switches = Switches(watched)
    key = json.dumps(ECKey.generate_key("P-256").as_dict(private=True))
    directory = Directory(
        bff_data, bus, stage.registry_url, ServiceTokens(stage.issuer.origin, "bff", key), seconds=30
    )
    door = Door(TokenVerifier(stage.issuer.origin, "bff", clock), directory, switches, b"secret", FRESH)
    app = create_api(
        service="bff",
        version="1",
        routers=[routes(Admit(door, HERE))],
        health=Health({}),
        max_body_bytes=10_000,
        request_seconds=10,
        says=says_nonce(door.nonce),
    )
    running = [asyncio.create_task(part.run()) for part in (watched, directory.news)]
    await eventually(switches.are_told)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=HERE) as http:
        yield http
    for task in running:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    await directory.close()


async def ask(http: httpx.AsyncClient, desk: Desk, method: str, path: str, **claims: Any) -> httpx.Response:
    nonce = (await http.get("/livez")).headers["dpop-nonce"]
    token = desk.token(**claims)
    proof = desk.proof(method, f"{HERE}{path}", token, nonce=nonce)
    return await http.request(method, path, headers={"Authorization": f"DPoP {token}", "DPoP": proof})


async def test_a_role_that_is_missing_is_named(own: httpx.AsyncClient, new_desk: NewDesk) -> None:
    clerk, keeper = await new_desk(), await new_desk(roles=("housekeeping",))
    assert (await ask(own, keeper, "GET", "/managers")).json() == {"roles": ["housekeeping"]}
    assert (await ask(own, clerk, "GET", "/anybody")).status_code == 200
    answer = await ask(own, clerk, "GET", "/managers")
    told = answer.json()
    assert (answer.status_code, told["code"]) == (403, "BFF.ROLE_NEEDED")
    assert told["roles"] == ["general_manager", "housekeeping"]


async def test_a_role_that_only_the_token_names_does_not_count(
    own: httpx.AsyncClient, new_desk: NewDesk
) -> None:
    answer = await ask(own, await new_desk(), "GET", "/managers", backoffice_roles=["general_manager"])
    assert answer.status_code == 403


async def test_a_property_out_of_scope_is_named(own: httpx.AsyncClient, new_desk: NewDesk) -> None:
    desk = await new_desk(properties=("harbour", "airport"))
    assert (await ask(own, desk, "GET", "/properties/airport/rooms")).json() == "airport"
    answer = await ask(own, desk, "GET", "/properties/castle/rooms")
    told = answer.json()
    assert (answer.status_code, told["code"], told["property"]) == (
        403,
        "BFF.PROPERTY_OUT_OF_SCOPE",
        "castle",
    )


@pytest.mark.parametrize(
    ("acr", "age", "allowed"),
    [("pwd", 0, 2), ("mfa", FRESH + 60, 2), ("mfa", None, 2), ("mfa", 0, 4), ("phr", FRESH - 60, 4)],
)
async def test_from_the_threshold_on_an_action_needs_a_fresh_second_factor(
    own: httpx.AsyncClient, new_desk: NewDesk, acr: str, age: int | None, allowed: int
) -> None:
    desk = await new_desk()
    auth_time = None if age is None else int(time.time()) - age
    answers = [
        await ask(own, desk, "POST", f"/risky/{risk}", acr=acr, auth_time=auth_time) for risk in range(4)
    ]
    assert [answer.status_code for answer in answers] == [200] * allowed + [401] * (4 - allowed)
    for answer in answers[allowed:]:
        told = answer.json()
        assert answer.headers["www-authenticate"] == CHALLENGE
        assert (told["code"], told["acr_values"], told["max_age"]) == (
            "CHASSIS.INSUFFICIENT_AUTHENTICATION",
            "mfa",
            FRESH,
        )


async def test_a_tenant_may_want_a_fresh_second_factor_at_the_beginning_of_a_shift(
    large: Bff, http: httpx.AsyncClient, desk: Desk, stage: Stage, registry: Database
) -> None:
    """Its threshold reaches running processes as every flag does; background requests never need one."""
    url = f"{large.api}{BASE}/sessions"

    async def status(**claims: Any) -> int:
        await desk.learn_nonce(http, url)
        token = desk.token(**claims)
        headers = {"Authorization": f"DPoP {token}", "DPoP": desk.proof("POST", url, token)}
        key = {"Idempotency-Key": token[-40:]}
        return (await http.post(url, json=SESSION, headers=headers | key)).status_code

    assert await status(acr="pwd") == 201
    await set_flag(registry, MFA_THRESHOLD, 1, desk.tenant_id)
    await stage.say_settings()

    async def is_wanted() -> bool:
        return await status(acr="pwd") == 401

    await eventually(is_wanted, 5.0, "the tenant's threshold")
    assert await status(acr="mfa", auth_time=int(time.time()) - FRESH - 60) == 401
    assert await status(acr="mfa", auth_time=int(time.time())) == 201
    assert (await desk.send(http, "GET", f"{large.api}{BASE}/bootstrap")).status_code == 200
