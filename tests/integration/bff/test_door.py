"""The door on real sockets: each refusal with its exact problem and challenge, the same for REST and for the stream."""

import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from chassis.db import Database
from contracts.registry import DeviceRevokedV1, TenantArchivedV1
from desktop.proofs import b64url
from tests.integration.bff.conftest import NewDesk
from tests.integration.bff.desk import Desk, know, new_key, origin_of
from tests.integration.bff.stage import BASE, STREAM, Bff, Stage

ALGS = 'algs="ES256 ES384 EdDSA Ed25519"'
NO_PROOF = f"DPoP {ALGS}"
INVALID_TOKEN = f'DPoP error="invalid_token", {ALGS}'
INVALID_PROOF = f'DPoP error="invalid_dpop_proof", {ALGS}'
USE_NONCE = f'DPoP error="use_dpop_nonce", {ALGS}'
DPOP = "BFF.DPOP_INVALID"
UNAUTHORIZED = "CHASSIS.UNAUTHORIZED"


@dataclass(frozen=True)
class Refusal:
    """How a request is wrong, and what must be said of it. `scheme` None: no Authorization at all."""

    code: str
    reason: str | None
    challenge: str
    scheme: str | None = "DPoP"
    token: dict[str, Any] = field(default_factory=dict)
    proof: dict[str, Any] = field(default_factory=dict)
    proofs: int = 1
    forged: Callable[[str], str] = str
    """What becomes of a proof on the way."""


REFUSALS = {
    "no authorization": Refusal(DPOP, "scheme", NO_PROOF, scheme=None),
    "Bearer instead of DPoP": Refusal(DPOP, "scheme", INVALID_TOKEN, scheme="Bearer"),
    "a token that is bound to no key": Refusal(DPOP, "binding", INVALID_TOKEN, token={"cnf": None}),
    "a proof of another key": Refusal(DPOP, "binding", INVALID_TOKEN, proof={"key": new_key()}),
    "no proof": Refusal(DPOP, "count", INVALID_PROOF, proofs=0),
    "two proofs": Refusal(DPOP, "count", INVALID_PROOF, proofs=2),
    "another method": Refusal(DPOP, "htm", INVALID_PROOF, proof={"htm": "DELETE"}),
    "another address": Refusal(DPOP, "htu", INVALID_PROOF, proof={"htu": "http://127.0.0.1/other"}),
    "the hash of another token": Refusal(DPOP, "ath", INVALID_PROOF, proof={"ath": "x" * 43}),
    "no hash of the token": Refusal(DPOP, "ath", INVALID_PROOF, proof={"ath": None}),
    "no nonce": Refusal(DPOP, "iat", USE_NONCE, proof={"nonce": None}),
    "a nonce that is not ours": Refusal(DPOP, "nonce", USE_NONCE, proof={"nonce": "x" * 24}),
    "no JWT": Refusal(DPOP, "form", INVALID_PROOF, forged=lambda _: "x"),
    "an empty proof": Refusal(DPOP, "form", INVALID_PROOF, forged=lambda _: ""),
    "two proofs in one header": Refusal(DPOP, "form", INVALID_PROOF, forged=lambda good: f"{good}, {good}"),
    "no signature": Refusal(
        DPOP, "signature", INVALID_PROOF, forged=lambda good: good.rsplit(".", 1)[0] + "."
    ),
    "a signature cut short": Refusal(DPOP, "signature", INVALID_PROOF, forged=lambda good: good[:-8]),
    "other claims under the signature": Refusal(
        DPOP, "signature", INVALID_PROOF, forged=lambda good: with_part(good, 1, b"{}")
    ),
    "an unsigned proof": Refusal(
        DPOP, "alg", INVALID_PROOF, forged=lambda good: with_part(good, 0, b'{"typ":"dpop+jwt","alg":"none"}')
    ),
    "a symmetric algorithm": Refusal(
        DPOP,
        "alg",
        INVALID_PROOF,
        forged=lambda good: with_part(good, 0, b'{"typ":"dpop+jwt","alg":"HS256"}'),
    ),
    "RS256": Refusal(
        DPOP,
        "alg",
        INVALID_PROOF,
        forged=lambda good: with_part(good, 0, b'{"typ":"dpop+jwt","alg":"RS256"}'),
    ),
    "another type of JWT": Refusal(DPOP, "typ", INVALID_PROOF, proof={"header": {"typ": "JWT"}}),
    "no key": Refusal(
        DPOP,
        "jwk",
        INVALID_PROOF,
        forged=lambda good: with_part(good, 0, b'{"typ":"dpop+jwt","alg":"ES256"}'),
    ),
    "a private key": Refusal(
        DPOP, "private", INVALID_PROOF, proof={"header": {"jwk": new_key().as_dict(private=True)}}
    ),
    "the key of somebody else": Refusal(
        DPOP, "signature", INVALID_PROOF, proof={"header": {"jwk": new_key().as_dict(private=False)}}
    ),
    "the method in small letters": Refusal(DPOP, "htm", INVALID_PROOF, proof={"htm": "get"}),
    "no method": Refusal(DPOP, "htm", INVALID_PROOF, proof={"htm": None}),
    "no address": Refusal(DPOP, "htu", INVALID_PROOF, proof={"htu": None}),
    "an id that is no text": Refusal(DPOP, "jti", INVALID_PROOF, proof={"jti": 7}),
    "an id without end": Refusal(DPOP, "jti", INVALID_PROOF, proof={"jti": "j" * 257}),
    "no time": Refusal(DPOP, "iat", INVALID_PROOF, proof={"iat": None}),
    "no id": Refusal(DPOP, "jti", INVALID_PROOF, proof={"jti": None}),
    "an expired token": Refusal(UNAUTHORIZED, None, INVALID_TOKEN, token={"seconds": -10}),
    "a token for another audience": Refusal(UNAUTHORIZED, None, INVALID_TOKEN, token={"aud": ["audit"]}),
    "a token that starts later": Refusal(UNAUTHORIZED, None, INVALID_TOKEN, token={"nbf": time.time() + 900}),
    "a token of another issuer": Refusal(
        UNAUTHORIZED, None, INVALID_TOKEN, token={"iss": "http://127.0.0.1:1"}
    ),
    "a token without a tenant": Refusal(UNAUTHORIZED, None, INVALID_TOKEN, token={"organization": None}),
}


def with_part(proof: str, number: int, content: bytes) -> str:
    """The proof with another header (0) or other claims (1)."""
    parts = proof.split(".")
    parts[number] = b64url(content)
    return ".".join(parts)


def doors(bff: Bff) -> list[str]:
    return [f"{bff.api}{BASE}/bootstrap", f"{bff.stream}{STREAM}"]


async def knock(http: httpx.AsyncClient, desk: Desk, url: str, how: Refusal) -> httpx.Response:
    await desk.learn_nonce(http, url)
    token = desk.token(**how.token)
    headers = [] if how.scheme is None else [("Authorization", f"{how.scheme} {token}")]
    headers += [("DPoP", how.forged(desk.proof("GET", url, token, **how.proof))) for _ in range(how.proofs)]
    return await http.get(url, headers=headers)


def check_problem(answer: httpx.Response, status: int, code: str, reason: str | None = None) -> None:
    assert answer.headers["content-type"] == "application/problem+json"
    said = answer.json()
    assert (answer.status_code, said["status"], said["code"]) == (status, status, code)
    assert said["type"] == f"urn:tenantry:problem:{code}"
    assert said["title"]
    assert said["detail"]
    assert said.get("reason") == reason


@pytest.mark.parametrize("how", REFUSALS.values(), ids=REFUSALS.keys())
async def test_a_request_that_is_wrong_in_one_way_is_refused_and_told_which(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk, how: Refusal
) -> None:
    desk = await new_desk()
    for url in doors(large):
        answer = await knock(http, desk, url, how)
        check_problem(answer, 401, how.code, how.reason)
        assert answer.headers["www-authenticate"] == how.challenge
        assert answer.headers["dpop-nonce"]


async def test_garbage_instead_of_a_token_is_refused(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk
) -> None:
    desk = await new_desk()
    for url in doors(large):
        for garbage in ("x", "a.b.c", "é", "e30.e30.e30", "eyJraWQiOiJub25lIn0.e30.AAAA"):
            proof = desk.proof("GET", url, garbage)
            headers = {b"Authorization": f"DPoP {garbage}".encode(), b"DPoP": proof.encode()}
            answer = await http.get(url, headers=headers)
            check_problem(answer, 401, UNAUTHORIZED)
            assert answer.headers["www-authenticate"] == INVALID_TOKEN


async def test_who_has_no_nonce_is_given_one_and_comes_in_with_it(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk
) -> None:
    desk = await new_desk()
    url = f"{large.api}{BASE}/bootstrap"
    token = desk.token()
    first = await http.get(
        url, headers={"Authorization": f"DPoP {token}", "DPoP": desk.proof("GET", url, token)}
    )
    assert first.headers["www-authenticate"] == USE_NONCE
    desk.nonces[large.api] = first.headers["dpop-nonce"]
    second = await desk.send(http, "GET", url)
    assert second.status_code == 200
    assert second.headers["dpop-nonce"]


async def test_a_proof_is_good_once_even_with_a_wrong_clock(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk
) -> None:
    desk = await new_desk()
    url = f"{large.api}{BASE}/bootstrap"
    await desk.learn_nonce(http, url)
    token = desk.token()
    proof = desk.proof("GET", url, token, jti=uuid.uuid4().hex, iat=int(time.time()) - 86_400)
    headers = {"Authorization": f"DPoP {token}", "DPoP": proof}
    assert (await http.get(url, headers=headers)).status_code == 200
    answer = await http.get(url, headers=headers)
    check_problem(answer, 401, DPOP, "replay")
    assert answer.headers["www-authenticate"] == INVALID_PROOF


async def archive(database: Database, desk: Desk) -> None:
    now = datetime.now(UTC)
    await know(database, TenantArchivedV1(tenant_id=desk.tenant_id, archived_at=now, delete_at=now), 2)


async def revoke(database: Database, desk: Desk) -> None:
    event = DeviceRevokedV1(tenant_id=desk.tenant_id, device_id=desk.device_id, jkt=desk.jkt, reason="stolen")
    await know(database, event, 2)


@pytest.mark.parametrize(
    ("after", "code"), [(archive, "BFF.TENANT_DISABLED"), (revoke, "BFF.DEVICE_UNKNOWN")]
)
async def test_an_archived_tenant_and_a_revoked_device_stay_outside_from_the_next_request_on(
    large: Bff,
    http: httpx.AsyncClient,
    new_desk: NewDesk,
    bff_data: Database,
    after: Callable[[Database, Desk], Awaitable[None]],
    code: str,
) -> None:
    desk = await new_desk()
    assert (await desk.send(http, "GET", f"{large.api}{BASE}/bootstrap")).status_code == 200
    await after(bff_data, desk)
    for url in doors(large):
        answer = await desk.send(http, "GET", url)
        check_problem(answer, 403, code)
        assert "www-authenticate" not in answer.headers
        assert answer.headers["dpop-nonce"]


async def test_an_unknown_tenant_and_an_unknown_device_are_refused_when_the_registry_knows_neither(
    large: Bff, http: httpx.AsyncClient, stage: Stage, bff_data: Database
) -> None:
    stranger = Desk(stage.issuer)
    for url in doors(large):
        check_problem(await stranger.send(http, "GET", url), 403, "BFF.TENANT_DISABLED")
    await know(bff_data, stranger.activated())
    for url in doors(large):
        check_problem(await stranger.send(http, "GET", url), 403, "BFF.DEVICE_UNKNOWN")


async def test_while_the_registry_is_down_the_known_go_on_and_the_unknown_wait(
    small: Bff, http: httpx.AsyncClient, stage: Stage, new_desk: NewDesk, bff_data: Database
) -> None:
    known, stranger = await new_desk(), Desk(stage.issuer)
    await know(bff_data, stranger.activated())
    assert (await known.send(http, "GET", f"{small.api}{BASE}/bootstrap")).status_code == 200
    for url in doors(small):
        answer = await stranger.send(http, "GET", url)
        check_problem(answer, 503, "CHASSIS.UNAVAILABLE")
        assert int(answer.headers["retry-after"]) > 0


async def test_a_device_of_one_tenant_is_unknown_to_another(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk
) -> None:
    """The token names the other tenant; the key is enrolled in its own only."""
    mine, other = await new_desk(), await new_desk()
    crossed = Desk(mine.issuer, tenant_id=other.tenant_id, member_id=mine.member_id, key=mine.key)
    for url in doors(large):
        check_problem(await crossed.send(http, "GET", url), 403, "BFF.DEVICE_UNKNOWN")


async def test_the_address_is_the_configured_one_whatever_the_request_calls_us(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk
) -> None:
    desk = await new_desk()
    for url in doors(large):
        path = url.removeprefix(origin_of(url))
        await desk.learn_nonce(http, url)
        token = desk.token()
        for proof, is_good in (
            (desk.proof("GET", url, token), True),
            (
                desk.proof("GET", f"http://evil.example{path}", token, nonce=desk.nonces[origin_of(url)]),
                False,
            ),
        ):
            headers = {
                "Host": "evil.example",
                "X-Forwarded-Host": "evil.example",
                "Authorization": f"DPoP {token}",
                "DPoP": proof,
            }
            async with http.stream("GET", url, headers=headers) as answer:
                assert answer.status_code == (200 if is_good else 401)
                if not is_good:
                    await answer.aread()
                    check_problem(answer, 401, DPOP, "htu")


async def test_query_and_case_of_the_host_do_not_matter_and_an_escaped_slash_does(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk
) -> None:
    desk = await new_desk()
    url = f"{large.api}{BASE}/bootstrap"
    await desk.learn_nonce(http, url)
    token, nonce = desk.token(), desk.nonces[large.api]
    for htu, status in (
        (f"{url}?a=b#c", 200),
        (url.replace("http://", "HTTP://"), 200),
        (url.replace("/bootstrap", "/%62ootstrap"), 200),
        (url.replace("/bootstrap", "%2Fbootstrap"), 401),
    ):
        proof = desk.proof("GET", htu, token, nonce=nonce)
        answer = await http.get(url, headers={"Authorization": f"DPoP {token}", "DPoP": proof})
        assert answer.status_code == status, htu


async def test_a_member_whom_nobody_knows_stays_outside(
    large: Bff, http: httpx.AsyncClient, new_desk: NewDesk
) -> None:
    known = await new_desk()
    stranger = Desk(known.issuer, tenant_id=known.tenant_id, key=known.key)
    for url in doors(large):
        check_problem(await stranger.send(http, "GET", url), 403, "BFF.MEMBER_UNKNOWN")
