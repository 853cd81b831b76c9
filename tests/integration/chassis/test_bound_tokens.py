"""Routes that take a device's token with its proof, and everybody else's as Bearer; as at the registry's enrolment."""

import time
import uuid
from collections.abc import AsyncIterator
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, Depends
from joserfc.jwk import ECKey

from chassis.auth import TokenVerifier
from chassis.bound_tokens import AuthenticateBound, challenge_for, says_nonce
from chassis.clock import SystemClock
from chassis.health import Health
from chassis.http import create_api
from chassis.step_up import require_second_factor
from contracts.claims import Claims
from desktop.proofs import Proofs
from tests.integration.chassis.small_issuer import Issuer, serving

HERE = "https://registry.example"
KEY = ECKey.generate_key("P-256")
BOUND: dict[str, Any] = {"cnf": {"jkt": KEY.thumbprint()}}


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    with serving() as found:
        yield found


@pytest.fixture
async def http(issuer: Issuer) -> AsyncIterator[httpx.AsyncClient]:
    authenticate = AuthenticateBound(TokenVerifier(issuer.url, "bff", SystemClock()), HERE, b"secret")
    routes = APIRouter()

    @routes.get("/a/{name:path}")
    async def show(name: str, claims: Annotated[Claims, Depends(authenticate)]) -> str:
        require_second_factor(claims, challenge_for(claims))
        return claims.sub

    app = create_api(
        service="registry",
        version="1",
        routers=[routes],
        health=Health({}),
        max_body_bytes=1000,
        request_seconds=5,
        says=says_nonce(authenticate.nonce),
    )
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://elsewhere.example") as client:
        yield client


async def ask(
    http: httpx.AsyncClient, token: str, proofs: Proofs | None = None, scheme: str = "DPoP"
) -> httpx.Response:
    url, headers = f"{HERE}/a/x%2Fy", {"Authorization": f"{scheme} {token}"}
    if proofs is not None:
        headers["DPoP"] = proofs.proof("GET", url, token)
    answer = await http.get("/a/x%2Fy", headers=headers)
    if proofs is not None:
        proofs.learn(url, answer.headers)
    return answer


async def test_a_bound_token_comes_in_with_its_proof_after_one_challenge(
    http: httpx.AsyncClient, issuer: Issuer
) -> None:
    token, proofs = issuer.token("k1", acr="mfa", **BOUND), Proofs(KEY)
    first = await ask(http, token, proofs)
    assert (first.status_code, first.json()["code"]) == (401, "CHASSIS.DPOP_INVALID")
    assert first.headers["www-authenticate"].startswith('DPoP error="use_dpop_nonce"')
    assert [(await ask(http, token, proofs)).status_code for _ in range(3)] == [200] * 3


@pytest.mark.parametrize(
    ("bound", "scheme", "proof"),
    [(True, "Bearer", True), (True, "Bearer", False), (True, "DPoP", False), (False, "DPoP", True)],
)
async def test_a_stolen_token_and_a_wrong_scheme_stay_outside(
    http: httpx.AsyncClient, issuer: Issuer, bound: bool, scheme: str, proof: bool
) -> None:
    token = issuer.token("k1", acr="mfa", **(BOUND if bound else {}))
    answer = await ask(http, token, Proofs(KEY) if proof else None, scheme)
    assert answer.status_code == 401
    assert answer.headers["dpop-nonce"]


@pytest.mark.parametrize("about", [{}, BOUND], ids=["bearer", "dpop"])
async def test_who_lacks_a_second_factor_is_challenged_in_the_scheme_that_it_used(
    http: httpx.AsyncClient, issuer: Issuer, about: dict[str, Any]
) -> None:
    token, proofs = issuer.token("k1", jti=uuid.uuid4().hex, iat=int(time.time()), **about), Proofs(KEY)
    scheme = "DPoP" if about else "Bearer"
    for _ in range(2):
        answer = await ask(http, token, proofs, scheme)
    challenge = f'{scheme} error="insufficient_user_authentication", acr_values="mfa"'
    assert answer.headers["www-authenticate"].startswith(challenge)
