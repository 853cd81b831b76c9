"""Projects: keys and usage name those that there are, an archived one opens and counts nothing."""

import asyncio
import uuid
from typing import Any

import httpx
import pytest

from services.registry.tenants.model import Trigger
from tests.integration.registry.key_stage import ISSUED
from tests.integration.registry.operators import check_problem
from tests.integration.registry.people_stage import Office

NIGHT = {"project_id": "night", "name": "Night runs"}


async def issue(office: Office, project: str, product: str = "ai_console") -> httpx.Response:
    body = {**ISSUED, "product": product, "project_id": project}
    return await office.send("POST", "/api-keys", body)


async def report(
    office: Office, *projects: str, product: str = "ai_console", batch: str = ""
) -> httpx.Response:
    at = office.life.clock.now().isoformat()
    items = [{"project": name, "metric": "requests", "quantity": 1, "at": at} for name in projects]
    body = {"batch_id": batch or str(uuid.uuid4()), "tenant_id": str(office.tenant_id), "items": items}
    return await office.http.post("/internal/usage", json=body, headers=office.service(f"product:{product}"))


async def test_every_tenant_has_a_default_that_stays(office: Office) -> None:
    [row] = (await office.get("/projects")).json()["projects"]
    assert (row["project_id"], row["archived_at"]) == ("default", None)
    answer = await office.send("DELETE", "/projects/default", of="/projects/default")
    check_problem(answer, 409, "REGISTRY.DEFAULT_PROJECT_STAYS")
    assert (await office.done("PATCH", "/projects/default", {"name": "Main"}, of="/projects/default"))[
        "name"
    ] == "Main"
    assert (await issue(office, "default")).status_code == 201
    assert await office.said("project.created") == [], "it is implicit"


async def test_a_project_is_said_to_be_made_once_and_its_id_is_not_used_twice(office: Office) -> None:
    first = await office.send("POST", "/projects", NIGHT, key="k1")
    again = await office.send("POST", "/projects", NIGHT, key="k1")
    assert (first.status_code, first.json()) == (201, again.json())
    assert first.headers["Location"] == f"/v1/tenants/{office.tenant_id}/projects/night"
    check_problem(await office.send("POST", "/projects", NIGHT), 409, "REGISTRY.PROJECT_TAKEN")
    await office.done("DELETE", "/projects/night", of="/projects/night")
    check_problem(await office.send("POST", "/projects", NIGHT), 409, "REGISTRY.PROJECT_TAKEN")
    for method, body in (("PATCH", {"name": "x"}), ("DELETE", None)):
        answer = await office.send(method, "/projects/night", body, of="/projects/night")
        check_problem(answer, 409, "REGISTRY.PROJECT_ARCHIVED")
    assert len(await office.said("project.created")) == len(await office.said("project.archived")) == 1


async def test_a_change_names_the_version_that_it_was_made_for(office: Office) -> None:
    await office.done("POST", "/projects", NIGHT)
    for match, status in (("none", 428), ("*", 428), ('"7"', 412), ('W/"1"', 412)):
        answer = await office.send("PATCH", "/projects/night", {"name": "x"}, match=match)
        assert answer.status_code == status, (match, answer.text)
    check_problem(
        await office.send("PATCH", "/projects/no", {"name": "x"}, match='"1"'),
        404,
        "REGISTRY.PROJECT_NOT_FOUND",
    )
    check_problem(await office.get("/projects/no"), 404, "REGISTRY.PROJECT_NOT_FOUND")


async def test_keys_and_usage_name_projects_that_there_are(office: Office) -> None:
    check_problem(
        await issue(office, "night"), 422, "REGISTRY.PROJECT_REFUSED", pointer="/project_id", fault="unknown"
    )
    answer = await report(office, "default", "night", "default", "moon")
    told = check_problem(answer, 422, "REGISTRY.PROJECT_REFUSED")
    assert [fault["pointer"] for fault in told["errors"]] == ["/items/1/project", "/items/3/project"]
    assert (await office.get("/usage")).json()["usage"] == [], "nothing of a refused batch counts"
    await office.done("POST", "/projects", NIGHT)
    assert (await issue(office, "night")).json()["project_id"] == "night"
    assert (await report(office, "night")).json() == {"outcome": "counted"}


async def test_a_product_without_projects_knows_the_default_only(office: Office) -> None:
    await office.done("POST", "/projects", NIGHT)
    answer = await issue(office, "night", "compliance_suite")
    check_problem(answer, 422, "REGISTRY.PROJECT_REFUSED", pointer="/project_id", fault="unsupported")
    answer = await report(office, "night", product="compliance_suite")
    check_problem(answer, 422, "REGISTRY.PROJECT_REFUSED", pointer="/items/0/project", fault="unsupported")
    assert (await issue(office, "default", "compliance_suite")).status_code == 201
    assert (await report(office, "default", product="compliance_suite")).status_code == 200


async def test_archiving_revokes_the_projects_keys_and_no_others(office: Office) -> None:
    await office.done("POST", "/projects", NIGHT)
    ended = [(await issue(office, "night")).json()["key_id"] for _ in range(2)]
    kept = (await issue(office, "default")).json()["key_id"]
    archived = await office.done("DELETE", "/projects/night", of="/projects/night")
    assert archived["archived_at"]
    assert sorted(body["key_id"] for body in await office.said("api_key.revoked")) == sorted(ended)
    listed = {row["key_id"]: row["revoked_at"] for row in (await office.get("/api-keys")).json()["api_keys"]}
    assert [listed[one] is None for one in (*ended, kept)] == [False, False, True]
    check_problem(await issue(office, "night"), 422, "REGISTRY.PROJECT_REFUSED")
    batch = str(uuid.uuid4())
    check_problem(await report(office, "night", batch=batch), 422, "REGISTRY.PROJECT_REFUSED")
    assert (await report(office, "default", batch=batch)).json() == {"outcome": "counted"}


async def test_a_batch_that_was_counted_is_a_duplicate_also_after_the_archiving(office: Office) -> None:
    await office.done("POST", "/projects", NIGHT)
    batch = str(uuid.uuid4())
    assert (await report(office, "night", batch=batch)).json() == {"outcome": "counted"}
    await office.done("DELETE", "/projects/night", of="/projects/night")
    assert (await report(office, "night", batch=batch)).json() == {"outcome": "duplicate"}


async def test_no_key_that_is_issued_beside_the_archiving_goes_on(office: Office) -> None:
    for turn in range(8):
        name = f"p{turn}"
        await office.done("POST", "/projects", {"project_id": name, "name": name})
        at = (await office.get(f"/projects/{name}")).headers["ETag"]
        await asyncio.gather(
            *(issue(office, name) for _ in range(3)),
            office.send("DELETE", f"/projects/{name}", match=at),
            *(issue(office, name) for _ in range(3)),
        )
    alive = [
        row
        for row in (await office.get("/api-keys", page_size=200)).json()["api_keys"]
        if not row["revoked_at"]
    ]
    assert alive == []


async def test_a_frozen_tenant_reads_and_changes_nothing(office: Office) -> None:
    await office.done("POST", "/projects", NIGHT)
    await office.life.buy(office.tenant_id, Trigger.PAYMENT)
    await office.life.freeze(office.tenant_id)
    assert (await office.get("/projects/night")).status_code == 200
    changes: list[tuple[str, str, Any]] = [
        ("POST", "/projects", {"project_id": "x", "name": "x"}),
        ("PATCH", "/projects/night", {"name": "x"}),
        ("DELETE", "/projects/night", None),
        ("POST", "/properties", {"code": "x", "name": "x"}),
        ("POST", "/members", {"email": "x@acme.example", "name": "x"}),
        ("POST", "/member-scopes/import", {"rows": [{"member": "x", "property": "x"}]}),
    ]
    for method, path, body in changes:
        check_problem(await office.send(method, path, body, match='"1"'), 402, "REGISTRY.TENANT_FROZEN")
    assert office.provider.members == {}, "nobody was made elsewhere either"


async def test_pages_hold_each_project_once(office: Office) -> None:
    await office.life.new_project(office.tenant_id, *(f"p{number}" for number in range(7)))
    found: list[str] = []
    token: str | None = None
    while True:
        given: dict[str, Any] = {"page_token": token} if token else {}
        page = (await office.get("/projects", page_size=3, **given)).json()
        found += [row["project_id"] for row in page["projects"]]
        token = page["next_page_token"]
        if token is None:
            break
    assert found == ["default", *(f"p{number}" for number in range(7))]
    first = (await office.get("/projects", page_size=1)).json()["next_page_token"]
    assert (await office.get("/members", page_token=first)).status_code == 400


async def test_another_tenants_projects_are_not_there(office: Office) -> None:
    stranger = office.callers.add(tenant_id=uuid.uuid4(), org_roles=frozenset({"IT_ADMIN"}))
    assert (await office.get("/projects", who=stranger)).status_code == 404
    user = office.callers.add(tenant_id=office.tenant_id, org_roles=frozenset({"USER"}))
    assert (await office.get("/projects", who=user)).status_code == 403


WRONG: list[dict[str, Any]] = [
    {},
    {"project_id": "No Spaces", "name": "x"},
    {**NIGHT, "name": ""},
    {**NIGHT, "name": "a\0b"},
    {**NIGHT, "x": 1},
]


@pytest.mark.parametrize("body", WRONG)
async def test_what_is_no_project_is_refused(office: Office, body: dict[str, Any]) -> None:
    assert (await office.send("POST", "/projects", body)).status_code in {400, 422}
