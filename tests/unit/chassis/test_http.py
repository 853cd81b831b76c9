"""The conventions of every API: one form of error, in two languages, with a trace; bounded and strict requests."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Query, Request
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic import BaseModel, ConfigDict, Field

from chassis import telemetry
from chassis.context import current_origin
from chassis.errors import Conflict, Transient
from chassis.health import Health
from chassis.http import create_api
from chassis.telemetry import inject

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
MAX_BODY = 2000


class Parcel(BaseModel):
    model_config = ConfigDict(extra="forbid")

    slug: Annotated[str, Field(max_length=5)]
    weight: float = 0


class Taken(Conflict):
    code = "REGISTRY.SLUG_TAKEN"


def routes() -> APIRouter:  # noqa: C901  # a list of small routes
    found = APIRouter(prefix="/v1")

    @found.get("/parcels/{number}")
    async def show(number: int, size: Annotated[int, Query(ge=1)] = 1) -> dict[str, Any]:
        return {"number": number, "size": size}

    @found.delete("/parcels/{number}")
    async def drop(number: int) -> None:
        pass

    @found.post("/parcels", status_code=201)
    async def create(parcel: Parcel) -> dict[str, Any]:
        return parcel.model_dump()

    @found.get("/taken")
    async def taken() -> None:
        raise Taken(
            "acme is taken", french="acme est déjà pris", headers={"Retry-After": "7"}, fix="choose another"
        )

    @found.get("/plain")
    async def plain() -> None:
        raise Taken("only English")

    @found.get("/away")
    async def away() -> None:
        raise Transient("postgresql://someone:hush@db/x does not answer")

    @found.get("/broken")
    async def broken() -> None:
        raise RuntimeError("hush: password=abc")

    @found.get("/slow")
    async def slow() -> None:
        await asyncio.Event().wait()

    @found.get("/impatient")
    async def impatient() -> None:
        raise TimeoutError

    @found.get("/origin")
    async def origin() -> dict[str, Any]:
        return {"correlation": current_origin().correlation_id, "trace": inject()[0]}

    @found.post("/raw")
    async def raw(request: Request) -> dict[str, int]:
        return {"bytes": len(await request.body())}

    return found


def application(**changes: Any) -> FastAPI:
    asked: dict[str, Any] = {"max_body_bytes": MAX_BODY, "request_seconds": 5.0}
    return create_api(
        service="test", version="1", routers=[routes()], health=Health({}), **{**asked, **changes}
    )


def client_of(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


@pytest.fixture
async def api() -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(application()) as client:
        yield client


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert (body["status"], body["code"]) == (status, code)
    assert body["type"] == f"urn:tenantry:problem:{code}"
    assert body["title"]
    assert body["detail"]
    return body


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "CHASSIS.NOT_FOUND"),
        ("GET", "/v1/parcels/1/", 404, "CHASSIS.NOT_FOUND"),
        ("PUT", "/v1/parcels/1", 405, "CHASSIS.METHOD_NOT_ALLOWED"),
        ("BREW", "/v1/parcels/1", 405, "CHASSIS.METHOD_NOT_ALLOWED"),
        ("GET", "/v1/taken", 409, "REGISTRY.SLUG_TAKEN"),
        ("GET", "/v1/away", 503, "CHASSIS.UNAVAILABLE"),
        ("GET", "/v1/impatient", 503, "CHASSIS.UNAVAILABLE"),
        ("GET", "/v1/broken", 500, "CHASSIS.INTERNAL"),
        ("GET", "/v1/parcels/x", 422, "CHASSIS.INVALID"),
        ("GET", "/v1/parcels/1?sise=2", 422, "CHASSIS.INVALID"),
        ("GET", "/v1/parcels/1?size=%00", 400, "CHASSIS.BAD_REQUEST"),
        ("GET", "/v1/%00", 400, "CHASSIS.BAD_REQUEST"),
    ],
)
async def test_every_error_is_a_problem_with_the_callers_trace(
    api: httpx.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    answer = await api.request(method, path, headers={"traceparent": TRACEPARENT})
    assert problem(answer, status, code)["trace_id"] == TRACE


async def test_a_method_that_is_not_allowed_names_those_that_are(api: httpx.AsyncClient) -> None:
    assert (await api.put("/v1/parcels/1")).headers["allow"] == "DELETE, GET"


@pytest.mark.parametrize(
    ("accept", "title", "detail"),
    [
        ("", "The slug is taken", "acme is taken"),
        ("fr", "Cet identifiant est déjà pris", "acme est déjà pris"),
        ("fr-CH, en;q=0.9", "Cet identifiant est déjà pris", "acme est déjà pris"),
        ("fr;q=0.2, en;q=0.9", "The slug is taken", "acme is taken"),
        ("de, *", "The slug is taken", "acme is taken"),
        ("fr;q=oops", "The slug is taken", "acme is taken"),
    ],
)
async def test_title_and_detail_follow_the_language(
    api: httpx.AsyncClient, accept: str, title: str, detail: str
) -> None:
    body = problem(
        await api.get("/v1/taken", headers={"accept-language": accept}), 409, "REGISTRY.SLUG_TAKEN"
    )
    assert (body["title"], body["detail"]) == (title, detail)


async def test_a_problem_carries_what_helps(api: httpx.AsyncClient) -> None:
    answer = await api.get("/v1/taken")
    assert answer.json()["fix"] == "choose another"
    assert answer.headers["retry-after"] == "7"


async def test_a_detail_without_french_stays_english(api: httpx.AsyncClient) -> None:
    body = (await api.get("/v1/plain", headers={"accept-language": "fr"})).json()
    assert body["detail"] == "only English"


@pytest.mark.parametrize("path", ["/v1/broken", "/v1/away"])
async def test_nothing_of_what_broke_leaks(api: httpx.AsyncClient, path: str) -> None:
    answer = await api.get(path)
    assert "hush" not in answer.text + str(answer.headers)


async def test_a_dependency_that_is_down_says_when_to_come_back(api: httpx.AsyncClient) -> None:
    assert (await api.get("/v1/away")).headers["retry-after"] == "1"


async def test_faults_of_a_body_are_named_by_pointer(api: httpx.AsyncClient) -> None:
    body = problem(await api.post("/v1/parcels", json={"colour": 1, "weight": "x"}), 422, "CHASSIS.INVALID")
    assert {(fault["pointer"], fault["code"]) for fault in body["errors"]} == {
        ("/slug", "missing"),
        ("/weight", "float_parsing"),
        ("/colour", "extra_forbidden"),
    }


async def test_faults_of_a_body_are_told_in_french(api: httpx.AsyncClient) -> None:
    answer = await api.post("/v1/parcels", json={"slug": "longer"}, headers={"accept-language": "fr"})
    assert answer.json()["errors"][0]["detail"] == "au plus 5 caractères admis"
    assert answer.json()["detail"] == "À corriger : /slug"


async def test_faults_of_parameters_are_named(api: httpx.AsyncClient) -> None:
    assert (await api.get("/v1/parcels/1?size=0")).json()["errors"][0]["parameter"] == "size"
    unknown = (await api.get("/v1/parcels/1?sise=2")).json()["errors"]
    assert unknown == [{"parameter": "sise", "code": "unknown", "detail": "known are: size"}]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"slug": NaN}',
        b'{"slug": "\\ud800"}',
        b'{"slug": "a\\u0000"}',
        b"\xff",
        b"[" * 40,
        b'{"a":' * 40 + b"1",
    ],
)
async def test_a_body_that_cannot_be_kept_is_malformed(api: httpx.AsyncClient, body: bytes) -> None:
    answer = await api.post("/v1/parcels", content=body, headers={"content-type": "application/json"})
    assert problem(answer, 400, "CHASSIS.BAD_REQUEST")["errors"][0]["pointer"] == "/"


async def test_a_good_body_gets_through(api: httpx.AsyncClient) -> None:
    assert (await api.post("/v1/parcels", json={"slug": "acme"})).json() == {"slug": "acme", "weight": 0}


@pytest.mark.parametrize("kind", ["application/json", "application/octet-stream"])
@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_past_the_limit_is_refused(api: httpx.AsyncClient, kind: str, declared: bool) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b" " * 1000

    content = b" " * 3000 if declared else pieces()
    answer = await api.post("/v1/raw", content=content, headers={"content-type": kind})
    problem(answer, 413, "CHASSIS.BODY_TOO_LARGE")
    assert answer.headers["connection"] == "close"


async def test_a_body_at_the_limit_is_taken(api: httpx.AsyncClient) -> None:
    answer = await api.post("/v1/raw", content=b"x" * MAX_BODY)
    assert answer.json() == {"bytes": MAX_BODY}


async def test_a_request_is_given_up_after_its_time() -> None:
    async with client_of(application(request_seconds=0.05)) as client:
        problem(await client.get("/v1/slow"), 504, "CHASSIS.TIMEOUT")


async def test_too_many_requests_at_once_are_refused_but_health_is_told() -> None:
    async with client_of(application(max_requests=1, request_seconds=1.0)) as client:
        slow = asyncio.create_task(client.get("/v1/slow"))
        await asyncio.sleep(0)
        while (answer := await client.get("/v1/origin")).status_code == 200:
            await asyncio.sleep(0)
        problem(answer, 503, "CHASSIS.UNAVAILABLE")
        assert (await client.get("/livez")).status_code == 200
        assert (await slow).status_code == 504
        assert (await client.get("/v1/origin")).status_code == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/origin", 200),
        ("/v1/nowhere", 404),
        ("/v1/taken", 409),
        ("/v1/parcels/x", 422),
        ("/v1/broken", 500),
        ("/v1/away", 503),
        ("/v1/slow", 504),
    ],
)
async def test_what_goes_with_every_answer_goes_with_every_answer(path: str, status: int) -> None:
    said = {"DPoP-Nonce": "n", "Cache-Control": "no-store"}
    async with client_of(application(request_seconds=0.2, says=lambda: said)) as client:
        answer = await client.get(path)
        assert answer.status_code == status
        assert {name: answer.headers.get_list(name) for name in said} == {
            name: [value] for name, value in said.items()
        }
        full = await client.post("/v1/raw", content=b"x" * (MAX_BODY + 1))
        assert (full.status_code, full.headers["dpop-nonce"]) == (413, "n")


async def test_a_request_continues_the_callers_trace_and_names_its_origin(api: httpx.AsyncClient) -> None:
    answer = (await api.get("/v1/origin", headers={"traceparent": TRACEPARENT, "x-request-id": "r-1"})).json()
    assert answer["correlation"] == "r-1"
    assert answer["trace"].split("-")[1] == TRACE


@pytest.mark.parametrize(
    ("path", "name"), [("/v1/parcels/7", "GET /v1/parcels/{number}"), ("/v1/nowhere", "GET")]
)
async def test_a_span_is_named_by_its_route(
    api: httpx.AsyncClient, path: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(telemetry, "_tracer", provider.get_tracer("test"))
    await api.get(path)
    assert [span.name for span in exporter.get_finished_spans()] == [name]


@pytest.mark.parametrize("given", ["x" * 65, "a\x01b"])
async def test_a_request_id_of_a_bad_form_is_replaced(api: httpx.AsyncClient, given: str) -> None:
    answer = await api.get("/v1/origin", headers={"x-request-id": given})
    assert answer.json()["correlation"] != given


async def test_the_document_tells_of_problems_and_nothing_else(api: httpx.AsyncClient) -> None:
    document = (await api.get("/v1/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    assert "HTTPValidationError" not in str(document)
    for operations in document["paths"].values():
        for operation in operations.values():
            assert "application/problem+json" in operation["responses"]["default"]["content"]


async def test_health_and_about_are_there(api: httpx.AsyncClient) -> None:
    assert (await api.get("/livez")).json() == {"status": "alive"}
    assert (await api.get("/readyz")).json()["ready"] is True
    assert (await api.get("/v1/about")).json()["service"] == "test"
