"""Authorization code with PKCE: what is given to whom, and every way to get it wrongly."""

import sqlite3
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from contracts.claims import normalize_claims
from desktop.proofs import Proofs
from tenantry.issuer.settings import IssuerSettings
from tests.integration.issuer.visitor import EMAIL, OTP, REDIRECT, Visitor, assert_refused, landed


async def test_a_sign_in_gives_a_token_of_the_member_bound_to_its_key(
    visitor: Visitor, member_id: str
) -> None:
    answer = await visitor.redeem(await visitor.code())
    given = answer.json()
    keys = KeySet.import_key_set((await visitor.http.get("/jwks")).json())
    decoded = jwt.decode(given["access_token"], keys, algorithms=["ES256"])
    claims = normalize_claims(decoded.claims)
    assert decoded.header["typ"] == "at+jwt"
    assert decoded.claims["iss"] == visitor.origin
    assert (claims.sub, claims.email, claims.org_roles) == (member_id, EMAIL, frozenset({"IT_ADMIN"}))
    assert (claims.cnf_jkt, claims.acr) == (visitor.proofs.jkt, "mfa")
    assert (given["token_type"], given["expires_in"]) == ("DPoP", 900)
    assert answer.headers["cache-control"] == "no-store"


async def test_the_redirect_carries_code_state_and_issuer(visitor: Visitor) -> None:
    told = landed(await visitor.submit())
    assert (set(told), told["state"], told["iss"]) == ({"code", "state", "iss"}, "state-1", visitor.origin)
    assert "state" not in landed(await visitor.submit(state=None))
    kept = await visitor.submit(redirect_uri=f"{REDIRECT}?a=b")
    assert kept.headers["location"].startswith(f"{REDIRECT}?a=b&code=")


@pytest.mark.parametrize(
    "wrong",
    [
        {"code_verifier": "another" * 8},
        {"code_verifier": "é" * 50},
        {"redirect_uri": "http://127.0.0.1:4712/callback"},
        {"client_id": "console"},
    ],
    ids=["verifier", "foreign letters", "redirect_uri", "client"],
)
async def test_a_code_is_no_use_to_who_did_not_ask_for_it(visitor: Visitor, wrong: dict[str, Any]) -> None:
    code = await visitor.code()
    assert_refused(await visitor.redeem(code, **wrong), "invalid_grant")
    assert_refused(await visitor.redeem(code), "invalid_grant")  # an attempt uses it up


async def test_a_code_that_names_a_key_is_refused_with_another(visitor: Visitor) -> None:
    code = await visitor.code(dpop_jkt=visitor.proofs.jkt)
    assert_refused(await visitor.redeem(code, proofs=another_key()), "invalid_grant")


async def test_a_code_used_twice_is_refused_and_ends_what_it_gave(visitor: Visitor) -> None:
    code = await visitor.code()
    given = (await visitor.redeem(code)).json()
    assert_refused(await visitor.redeem(code), "invalid_grant")
    assert_refused(await visitor.refresh(given["refresh_token"]), "invalid_grant")


async def test_an_expired_code_is_refused(visitor: Visitor, settings: IssuerSettings) -> None:
    code = await visitor.code()
    with sqlite3.connect(settings.data / "issuer.sqlite") as state:
        state.execute("update document set expires_at = expires_at - 6 where kind = 'code'")
    state.close()
    assert_refused(await visitor.redeem(code), "invalid_grant")


WRONG: list[dict[str, Any]] = [
    {"code_challenge_method": "plain"},
    {"code_challenge_method": None},
    {"code_challenge": None},
    {"code_challenge": "é" * 43},
    {"code_challenge": "short"},
    {"client_id": "stranger"},
    {"response_type": "token"},
    {"redirect_uri": "https://evil.example/"},
    {"redirect_uri": "http://evil.example\\@127.0.0.1/"},
    {"redirect_uri": "http://evil.example@127.0.0.1/"},
    {"redirect_uri": "http://127.0.0.1.evil.example/"},
    {"redirect_uri": "http://[::1"},
    {"redirect_uri": f"{REDIRECT}#fragment"},
    {"redirect_uri": None},
]


async def test_a_wrong_request_sends_nobody_anywhere(visitor: Visitor, subtests: pytest.Subtests) -> None:
    for wrong in WRONG:
        for answer in (
            await visitor.http.get("/authorize", params=visitor.question(**wrong)),
            await visitor.submit(**wrong),
        ):
            with subtests.test(str(wrong), url=str(answer.request.url.path)):
                assert answer.status_code == 400
                assert next(iter(wrong)).removesuffix("_method") in answer.text
                assert "location" not in answer.headers


async def test_wrong_details_show_the_page_again(visitor: Visitor) -> None:
    faults: list[dict[str, Any]] = [{"password": "another password"}, {"otp": "654321"}, {"otp": "é"}]
    for wrong in faults:
        answer = await visitor.submit(**wrong)
        assert (answer.status_code, 'role="alert"' in answer.text) == (401, True)
    assert landed(await visitor.submit(otp=OTP))["code"]


async def test_guessing_is_braked(visitor: Visitor) -> None:
    statuses = [(await visitor.submit(password="guess")).status_code for _ in range(6)]
    assert statuses == [401] * 5 + [429]


async def test_the_login_page_escapes_what_it_is_given(http: httpx.AsyncClient) -> None:
    evil = '"><script>alert(1)</script>'
    question = Visitor(http).question(state=evil, nonce=evil, scope="'{x}")
    page = await http.get("/authorize", params=question)
    assert page.status_code == 200
    assert "<script" not in page.text
    assert "&quot;&gt;&lt;script&gt;" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    refusal = await http.get("/authorize", params={**question, "client_id": evil})
    assert "<script" not in refusal.text


async def test_a_refresh_token_works_once_and_its_second_use_ends_the_family(visitor: Visitor) -> None:
    first = (await visitor.signed_in())["refresh_token"]
    answer = await visitor.refresh(first)
    second = answer.json()["refresh_token"]
    assert (answer.status_code, second != first) == (200, True)
    assert_refused(await visitor.refresh(first), "invalid_grant")
    assert_refused(await visitor.refresh(second), "invalid_grant")
    assert (await visitor.refresh((await visitor.signed_in())["refresh_token"])).status_code == 200


async def test_a_refresh_token_is_no_use_with_another_key_or_client_and_stays_its_owners(
    visitor: Visitor,
) -> None:
    token = (await visitor.signed_in())["refresh_token"]
    assert_refused(await visitor.refresh(token, proofs=another_key()), "invalid_grant")
    assert_refused(await visitor.refresh(token, client_id="console"), "invalid_grant")
    assert (await visitor.refresh(token)).status_code == 200


def another_key() -> Proofs:
    return Proofs(ECKey.generate_key("P-256"))
