"""The token endpoint for services, its errors (RFC 6749 §5.2), and what the issuer says of itself."""

import os
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from contracts.claims import normalize_claims
from tenantry.issuer.app import ProductionRefused, compose
from tenantry.issuer.settings import IssuerSettings
from tenantry.issuer.signing import Signer
from tests.integration.issuer.visitor import (
    ADMIN,
    ADMIN_SECRET,
    EMAIL,
    Visitor,
    assert_refused,
    assertion,
    service_form,
)

CHECKOUT = Path(__file__).parents[3]


async def test_a_service_gets_a_token_for_one_audience(
    http: httpx.AsyncClient, settings: IssuerSettings, service_key: ECKey
) -> None:
    for audience in (settings.public_origin, [settings.public_origin, "another"]):
        form = service_form(assertion(settings.public_origin, service_key, aud=audience))
        given = (await http.post("/token", data=form)).json()
        keys = KeySet.import_key_set((await http.get("/jwks")).json())
        claims = normalize_claims(jwt.decode(given["access_token"], keys, algorithms=["ES256"]).claims)
        assert (claims.service, claims.audience, claims.cnf_jkt) == ("bff", frozenset({"sync"}), None)
        assert (given["token_type"], given["expires_in"]) == ("Bearer", 300)


async def test_a_wrong_assertion_gives_nothing(
    http: httpx.AsyncClient, settings: IssuerSettings, service_key: ECKey
) -> None:
    issuer, now = settings.public_origin, time.time()
    stranger = ECKey.generate_key("P-256")
    used = assertion(issuer, service_key, jti="once")
    assert (await http.post("/token", data=service_form(used))).status_code == 200
    wrong = {
        "another audience": assertion("http://elsewhere", service_key),
        "another key": assertion(issuer, stranger),
        "expired": assertion(issuer, service_key, exp=int(now) - 1),
        "valid for too long": assertion(issuer, service_key, exp=int(now) + 3600),
        "no end": assertion(issuer, service_key, exp=None),
        "an end that is no time": assertion(issuer, service_key, exp="soon"),
        "no jti": assertion(issuer, service_key, jti=None),
        "replayed": used,
        "replayed jti": assertion(issuer, service_key, jti="once"),
        "another subject": assertion(issuer, service_key, sub="sync"),
        "another client": assertion(issuer, service_key, service="sync"),
        "no token": "x.y.z",
        "foreign letters": "é",
    }
    for name, given in wrong.items():
        answer = await http.post("/token", data=service_form(given))
        assert (name, answer.status_code) == (name, 401)
        assert_refused(answer, "invalid_client", 401)


async def test_a_malformed_request_is_told_what_it_lacks(
    http: httpx.AsyncClient, settings: IssuerSettings, service_key: ECKey, visitor: Visitor
) -> None:
    good = service_form(assertion(settings.public_origin, service_key))
    cases = [
        ({}, "invalid_request", 400),
        ({"grant_type": "password"}, "unsupported_grant_type", 400),
        ({"grant_type": 'é"\\'}, "unsupported_grant_type", 400),
        ({"grant_type": "authorization_code"}, "invalid_request", 400),
        ({"grant_type": "refresh_token", "client_id": "desktop"}, "invalid_request", 400),
        ({**good, "audience": "nobody"}, "invalid_request", 400),
        ({**good, "audience": 'é"\\'}, "invalid_request", 400),
        ({**good, "client_assertion_type": "another"}, "invalid_request", 400),
        ({**good, "client_assertion": ""}, "invalid_request", 400),
        ({**good, "client_id": "stranger"}, "invalid_client", 401),
    ]
    for form, error, status in cases:
        assert_refused(await http.post("/token", data=form), error, status)
    assert_refused(await http.post("/token", json=good), "invalid_request")
    twice = {**good, "audience": ["sync", "bff"]}
    assert_refused(await http.post("/token", data=twice), "invalid_request")
    refresh = {"grant_type": "refresh_token", "client_id": "desktop", "refresh_token": "x"}
    assert_refused(await http.post("/token", data=refresh), "invalid_dpop_proof")
    assert_refused(await visitor.refresh("unknown"), "invalid_grant")
    stranger = {**refresh, "client_id": "stranger"}
    assert_refused(await http.post("/token", data=stranger), "invalid_client", 401)


async def test_the_administration_needs_its_secret(http: httpx.AsyncClient) -> None:
    calls = [
        ("POST", "/admin/organizations"),
        ("PUT", "/admin/organizations/x/attributes"),
        ("POST", "/admin/organizations/x/members"),
        ("PUT", "/admin/members/x/credentials"),
        ("POST", "/admin/tokens"),
    ]
    for method, path in calls:
        for given in ("", "Bearer ", "Bearer wrong", ADMIN_SECRET, f"Basic {ADMIN_SECRET}"):
            headers = {"Authorization": given.strip()} if given else {}
            answer = await http.request(method, path, json={}, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (401, "CHASSIS.UNAUTHORIZED"), path


async def test_an_address_of_one_organisation_cannot_be_taken_into_another(
    http: httpx.AsyncClient, visitor: Visitor, member_id: str
) -> None:
    body = {"operation_id": "op-2", "alias": "evil", "name": "Evil"}
    other = (await http.post("/admin/organizations", json=body, headers=ADMIN)).json()
    person = {"email": EMAIL.upper(), "name": "Eve", "org_roles": ["IT_ADMIN"]}
    answer = await http.post(f"/admin/organizations/{other['id']}/members", json=person, headers=ADMIN)
    assert (answer.status_code, answer.json()["code"]) == (409, "CHASSIS.CONFLICT")
    keys = KeySet.import_key_set((await http.get("/jwks")).json())
    token = (await visitor.signed_in())["access_token"]
    claims = normalize_claims(jwt.decode(token, keys, algorithms=["ES256"]).claims)
    assert (claims.sub, claims.org_name) == (member_id, "acme")


async def test_discovery_and_keys_say_what_is_there(
    http: httpx.AsyncClient, settings: IssuerSettings
) -> None:
    said = (await http.get("/.well-known/openid-configuration")).json()
    assert said["issuer"] == settings.public_origin
    for endpoint in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        assert said[endpoint].startswith(f"{settings.public_origin}/")
        assert (await http.get(said[endpoint])).status_code in {200, 400, 405}
    assert said["code_challenge_methods_supported"] == ["S256"]
    assert said["response_types_supported"] == ["code"]
    assert "private_key_jwt" in said["token_endpoint_auth_methods_supported"]
    [key] = (await http.get("/jwks")).json()["keys"]
    assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}, "nothing private is published"
    assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("EC", "P-256", "ES256", "sig")


async def test_the_signing_key_outlives_a_restart(http: httpx.AsyncClient, settings: IssuerSettings) -> None:
    signer = Signer.kept_in(settings.data / "issuer.sqlite", settings.public_origin)
    assert signer.jwks() == (await http.get("/jwks")).json()


def test_production_mode_is_refused(settings: IssuerSettings) -> None:
    with pytest.raises(ProductionRefused):
        compose(settings.model_copy(update={"mode": "production"}))


def test_the_process_says_why_it_does_not_start_in_production(
    settings: IssuerSettings, tmp_path: Path
) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "TENANTRY_MODE": "production",
        "TENANTRY_ISSUER_PORT": str(settings.port),
        "TENANTRY_ISSUER_PUBLIC_ORIGIN": settings.public_origin,
        "TENANTRY_ISSUER_DATA": str(tmp_path / "never"),
        "TENANTRY_ISSUER_CLIENTS": str(settings.clients),
        "TENANTRY_ISSUER_ADMIN_SECRET": ADMIN_SECRET,
    }
    ended = subprocess.run(
        [sys.executable, "-m", "tenantry.issuer"],
        cwd=CHECKOUT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith("issuer: TENANTRY_MODE=production")
    assert not (tmp_path / "never").exists()
