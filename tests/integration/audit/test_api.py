"""Every endpoint of audit under broken input: problem+json with the precise code, never a failure of the server."""

import itertools
import time
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import pytest
from joserfc.jwk import ECKey

from chassis.ids import uuid7
from services.audit.records.record import PLATFORM
from tests.integration.audit.stage import Log
from tests.integration.audit.tokens import TestIssuer, bearer
from tests.integration.chassis.numbered_events import numbered

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TENANT = UUID("019b0000-0000-7000-8000-000000000001")
OTHER = UUID("019b0000-0000-7000-8000-000000000002")
PATHS = [
    "records",
    "log/checkpoint",
    "inclusion?leaf=0",
    "consistency?tree_size=1",
    "log/tile/0/000.p/2",
    "log/tile/entries/000.p/2",
]
HUGE = 10**30


@pytest.fixture
async def filled(audit: httpx.AsyncClient, log: Log) -> httpx.AsyncClient:
    """Two records of a tenant and one of another, signed."""
    await log.append([numbered(number, tenant=TENANT) for number in (1, 2)], NOW)
    await log.append([numbered(3, tenant=OTHER)], NOW)
    await log.sign(NOW)
    return audit


def address(path: str, tenant: UUID | str = TENANT) -> str:
    return f"/v1/tenants/{tenant}/audit/{path}"


async def refusal(
    http: httpx.AsyncClient, url: str, headers: dict[str, str], *, method: str = "GET"
) -> tuple[int, str, dict[str, Any]]:
    """Status and code of an answer that must be a problem, and the problem."""
    answer = await http.request(method, url, headers=headers)
    assert answer.headers["content-type"] == "application/problem+json", f"{url}: {answer.text}"
    problem = answer.json()
    assert problem["status"] == answer.status_code
    return answer.status_code, problem["code"], problem


async def test_nobody_reads_without_a_good_token(filled: httpx.AsyncClient, issuer: TestIssuer) -> None:
    operator: dict[str, Any] = {"realm_access": {"roles": ["PLATFORM_ADMIN"]}}
    foreign = ECKey.generate_key("P-256", {"kid": "key-1"})
    bad: list[dict[str, str]] = [
        {},
        {"Authorization": "Basic b3BlcmF0b3I6"},
        bearer("not.a.token"),
        bearer("é" * 20),
        bearer(issuer.token(key=foreign, **operator)),
        bearer(issuer.token(aud=["registry"], **operator)),
        bearer(issuer.token(iss="http://elsewhere", **operator)),
        bearer(issuer.token(exp=int(time.time()) - 60, **operator)),
        bearer(issuer.token(nbf=int(time.time()) + 60, **operator)),
        bearer(issuer.token(cnf={"jkt": "a-key"}, **operator)),
        bearer(issuer.token(realm_access="PLATFORM_ADMIN")),
    ]
    for path in PATHS:
        for headers in bad:
            status, code, _ = await refusal(filled, address(path), utf8(headers))
            assert (status, code) == (401, "CHASSIS.UNAUTHORIZED"), headers


def utf8(headers: dict[str, str]) -> Any:
    return {name: value.encode() for name, value in headers.items()}


async def test_a_role_that_may_not_read_is_told_so_in_its_own_tenant(
    filled: httpx.AsyncClient, issuer: TestIssuer
) -> None:
    members = [issuer.member(TENANT, role) for role in ("USER", "FINANCE")]
    for headers in [*members, issuer.operator("SALES_REP"), issuer.operator("service:registry")]:
        for path in PATHS:
            status, code, _ = await refusal(filled, address(path), headers)
            assert (status, code) == (403, "CHASSIS.FORBIDDEN")


async def test_another_tenants_log_is_answered_like_one_that_does_not_exist(
    filled: httpx.AsyncClient, issuer: TestIssuer
) -> None:
    for role, path in itertools.product(("LEGAL", "USER"), PATHS):
        texts = set()
        for tenant in (OTHER, UUID(int=5), PLATFORM):
            answer = await refusal(filled, address(path, tenant), issuer.member(TENANT, role))
            assert answer[:2] == (404, "CHASSIS.NOT_FOUND")
            texts.add(answer[2]["detail"].replace(str(tenant), ""))
        assert len(texts) == 1, "the answer tells whether the tenant exists"


async def test_who_may_read_reads(filled: httpx.AsyncClient, issuer: TestIssuer) -> None:
    readers = [issuer.member(TENANT, role) for role in ("LEGAL", "IT_ADMIN", "CXO")]
    for headers in [*readers, issuer.operator(), issuer.operator("SUPPORT_ENGINEER")]:
        for path in PATHS:
            assert (await filled.get(address(path), headers=headers)).status_code == 200
        page = (await filled.get(address("records?page_size=2"), headers=headers)).json()
        assert [record["leaf_index"] for record in page["records"]] == [0, 1]


WRONG = [
    ("records?first=-1", "first", "greater_than_equal"),
    (f"records?first={2**63}", "first", "less_than_equal"),
    (f"records?first={HUGE}", "first", "less_than_equal"),
    (f"records?first={'9' * 5_000}", "first", "int_parsing_size"),
    ("records?first=one", "first", "int_parsing"),
    ("records?first=", "first", "int_parsing"),
    ("records?first=1.5", "first", "int_parsing"),
    ("records?page_size=0", "page_size", "greater_than_equal"),
    ("records?page_size=201", "page_size", "less_than_equal"),
    ("records?record_id=7", "record_id", "uuid_parsing"),
    ("records?page_token=bad", "page_token", "unknown"),
    ("records?tenant=x", "tenant", "unknown"),
    ("log/checkpoint?size=1", "size", "unknown"),
    ("inclusion", "leaf", "missing"),
    ("inclusion?leaf=-1", "leaf", "greater_than_equal"),
    ("inclusion?leaf=x", "leaf", "int_parsing"),
    ("inclusion?leaf=0&tree_size=1", "tree_size", "unknown"),
    ("consistency", "tree_size", "missing"),
    ("consistency?tree_size=0", "tree_size", "greater_than_equal"),
    ("consistency?tree_size=-7", "tree_size", "greater_than_equal"),
    ("consistency?tree_size=1&from=1", "from", "unknown"),
]


async def test_a_wrong_parameter_is_named(filled: httpx.AsyncClient, issuer: TestIssuer) -> None:
    for path, parameter, code in WRONG:
        status, problem_code, problem = await refusal(filled, address(path), issuer.operator())
        assert (status, problem_code) == (422, "CHASSIS.INVALID"), path
        assert [(fault["parameter"], fault["code"]) for fault in problem["errors"]] == [(parameter, code)]


async def test_a_leaf_that_the_signed_tree_does_not_have_is_not_found(
    filled: httpx.AsyncClient, issuer: TestIssuer
) -> None:
    for path in ("inclusion?leaf=2", f"inclusion?leaf={2**63}", f"inclusion?leaf={HUGE}"):
        status, code, _ = await refusal(filled, address(path), issuer.operator())
        assert (status, code) == (404, "AUDIT.LEAF_NOT_FOUND")
    for path in ("consistency?tree_size=3", f"consistency?tree_size={HUGE}"):
        status, code, _ = await refusal(filled, address(path), issuer.operator())
        assert (status, code) == (404, "AUDIT.LEAF_NOT_FOUND")
    last = await filled.get(address(f"records?first={2**63 - 1}"), headers=issuer.operator())
    assert last.json() == {"records": [], "next": None}


async def test_a_log_without_records_has_no_checkpoint_and_no_proofs(
    audit: httpx.AsyncClient, issuer: TestIssuer
) -> None:
    for path in PATHS[1:]:
        status, code, _ = await refusal(audit, address(path, uuid7()), issuer.operator())
        assert (status, code) == (404, "AUDIT.EMPTY_LOG")


async def test_a_tenant_id_that_is_none_is_named(filled: httpx.AsyncClient, issuer: TestIssuer) -> None:
    tenants = ("acme", "1", "019b0000-0000-7000-8000-00000000000g", "%F0%9F%92%A9")
    for tenant, path in itertools.product(tenants, PATHS):
        status, code, problem = await refusal(filled, address(path, tenant), issuer.operator())
        assert (status, code) == (422, "CHASSIS.INVALID")
        assert problem["errors"][0]["parameter"] == "tenant_id"


async def test_other_methods_other_paths_and_nul_are_refused_in_the_same_form(
    filled: httpx.AsyncClient, issuer: TestIssuer
) -> None:
    operator = issuer.operator()
    for path in PATHS:
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            status, code, _ = await refusal(filled, address(path), operator, method=method)
            assert (status, code) == (405, "CHASSIS.METHOD_NOT_ALLOWED")
    assert (await refusal(filled, address("nothing"), operator))[:2] == (404, "CHASSIS.NOT_FOUND")
    assert (await refusal(filled, "/v1/audit/key?x=1", {}))[:2] == (422, "CHASSIS.INVALID")
    assert (await refusal(filled, address("records?first=%00"), operator))[:2] == (400, "CHASSIS.BAD_REQUEST")


async def test_errors_are_told_in_french_to_who_prefers_it(
    filled: httpx.AsyncClient, issuer: TestIssuer
) -> None:
    headers = {**issuer.operator(), "Accept-Language": "fr-FR, en;q=0.5"}
    _, _, problem = await refusal(filled, address("inclusion?leaf=9"), headers)
    _, _, english = await refusal(filled, address("inclusion?leaf=9"), issuer.operator())
    assert problem["title"] != english["title"]
    assert problem["code"] == english["code"]
