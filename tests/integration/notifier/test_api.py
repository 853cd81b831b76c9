"""The notifier's HTTP: broken input gets a precise problem, never a 5xx."""

from typing import Any
from uuid import UUID

import httpx
import pytest

from chassis.ids import uuid7
from tests.integration.notifier.asking import ALL, client_of, places, problem
from tests.integration.notifier.outside import admin_of
from tests.integration.notifier.stage import Stage


@pytest.mark.parametrize(("method", "path"), ALL)
async def test_without_a_good_token_nothing_is_said(
    stage: Stage, client: httpx.AsyncClient, tenant_id: UUID, method: str, path: str
) -> None:
    admin = admin_of(tenant_id, "IT_ADMIN")
    good = stage.issuer.token(**admin)
    for header in [
        "",
        "Bearer",
        "Bearer x",
        "Basic YTpi",
        f"Bearer {good[:-4]}AAAA",
        f"Bearer {stage.issuer.token(**admin, exp=1)}",
        f"Bearer {stage.issuer.token(**admin, aud=['registry'])}",
        f"Bearer {stage.issuer.token(**admin, iss='https://evil.example')}",
        f"Bearer {stage.issuer.token(**admin, cnf={'jkt': 'x'})}",
    ]:
        answer = await client.request(method, path, headers={"authorization": header})
        problem(answer, 401, "CHASSIS.UNAUTHORIZED")
        assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(("method", "path"), ALL)
async def test_the_wrong_role_is_forbidden_and_another_tenant_does_not_exist(
    stage: Stage, client: httpx.AsyncClient, tenant_id: UUID, method: str, path: str
) -> None:
    for claims, status, code in [
        (admin_of(tenant_id, "USER", "LEGAL"), 403, "CHASSIS.FORBIDDEN"),
        ({"realm_access": {"roles": ["SALES_REP"]}}, 403, "CHASSIS.FORBIDDEN"),
        ({"realm_access": {"roles": ["service:bff"]}}, 403, "CHASSIS.FORBIDDEN"),
        (admin_of(uuid7(), "IT_ADMIN"), 404, "CHASSIS.NOT_FOUND"),
        ({"groups": ["/IT_ADMIN"]}, 404, "CHASSIS.NOT_FOUND"),
    ]:
        header = {"authorization": f"Bearer {stage.issuer.token(**claims)}"}
        answer = await client.request(method, path, headers=header)
        problem(answer, status, code)


@pytest.mark.parametrize(
    ("body", "place", "code"),
    [
        ({}, "/url", "missing"),
        ({}, "/event_types", "missing"),
        ({"url": 1}, "/url", "string_type"),
        ({"url": "x"}, "/url", "string_too_short"),
        ({"url": "https://a.example/" + "x" * 2000}, "/url", "string_too_long"),
        ({"event_types": []}, "/event_types", "too_short"),
        ({"event_types": ["*"] * 51}, "/event_types", "too_long"),
        ({"event_types": ["*", "A B"]}, "/event_types/1", "string_pattern_mismatch"),
        ({"event_types": "*"}, "/event_types", "list_type"),
        ({"event_types": ["*\n"]}, "/event_types/0", "string_pattern_mismatch"),
        ({"secret": "whsec_mine"}, "/secret", "extra_forbidden"),
        ([], "/", "model_attributes_type"),
    ],
)
async def test_a_fault_in_the_body_is_named_by_pointer(
    client: httpx.AsyncClient, body: Any, place: str, code: str
) -> None:
    answer = await client.post("/webhook-endpoints", json=body)
    assert (place, code) in places(problem(answer, 422, "CHASSIS.INVALID"))


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 40, b'{"url": NaN}', b'{"url": "\\u0000"}', b"\xff"])
async def test_what_is_no_json_is_refused(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post(
        "/webhook-endpoints", content=body, headers={"content-type": "application/json"}
    )
    if body:
        problem(answer, 400, "CHASSIS.BAD_REQUEST")
    else:
        problem(answer, 422, "CHASSIS.INVALID")


@pytest.mark.parametrize(
    "url",
    ["https://127.0.0.1/", "https://localhost/", "http://a.example/", "https://u:p@a.example/", "ftp://a.example/",
     "https://a..b.example/", f"https://{'a' * 64}.example/", "https://nobody.invalid/", "https://a.example/\x7f",
     "https://a.example:99999/", "https://[::1/", "https://2130706433/", "https://0177.0.0.1/", "https://exämple.com/",
     "https://[::ffff:127.0.0.1]/", "https://127.0.0.1:22/", "        ", "https://a.example/#x"],
)  # fmt: skip
async def test_an_address_that_may_not_be_called_is_refused_with_its_pointer(
    stage: Stage, tenant_id: UUID, url: str
) -> None:
    token = stage.issuer.token(**admin_of(tenant_id, "IT_ADMIN"))
    headers = {"authorization": f"Bearer {token}", "idempotency-key": "k1"}
    async with client_of(stage, allow_private=False) as client:
        answer = await client.post(
            f"/v1/tenants/{tenant_id}/webhook-endpoints",
            json={"url": url, "event_types": ["*"]},
            headers=headers,
        )
    assert places(problem(answer, 422, "NOTIFIER.ENDPOINT_REFUSED")) == {("/url", "refused")}
    assert await stage.rows("endpoint") == []


@pytest.mark.parametrize(("method", "path"), ALL)
async def test_an_unknown_parameter_and_a_bad_tenant_are_named(
    client: httpx.AsyncClient, method: str, path: str
) -> None:
    body = problem(await client.request(method, f"{path}?sise=1"), 422, "CHASSIS.INVALID")
    assert places(body) == {("sise", "unknown")}
    client.base_url = httpx.URL("http://test/v1/tenants/acme")
    body = problem(await client.request(method, path), 422, "CHASSIS.INVALID")
    assert ("tenant_id", "uuid_parsing") in places(body)


@pytest.mark.parametrize("path", ["/webhook-deliveries", "/mails"])
@pytest.mark.parametrize(
    ("size", "code"), [("0", "greater_than_equal"), ("201", "less_than_equal"), ("x", "int_parsing")]
)
async def test_a_page_of_another_size_is_refused(
    client: httpx.AsyncClient, path: str, size: str, code: str
) -> None:
    body = problem(await client.get(f"{path}?page_size={size}"), 422, "CHASSIS.INVALID")
    assert places(body) == {("page_size", code)}
