"""A hot route answers what an ordinary one would."""

from typing import Annotated, Any
from uuid import UUID

import httpx
import pytest
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict

from chassis.errors import Forbidden
from chassis.health import Health
from chassis.hot_route import HotRoute
from chassis.http import create_api


class Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")
    key: str
    tenant_id: UUID | None = None


async def guard(request: Request) -> str:
    if "authorization" not in request.headers:
        raise Forbidden("say who you are")
    return request.headers["authorization"]


async def tell(body: Asked, who: Annotated[str, Depends(guard)]) -> Response:
    """Both routes."""
    return Response(f"{who} asks {body.key} {body.tenant_id}")


def client() -> httpx.AsyncClient:
    hot, plain = APIRouter(prefix="/hot", route_class=HotRoute), APIRouter(prefix="/plain")
    for routes in (hot, plain):
        routes.post("/ask")(tell)
    app = create_api(
        service="registry", version="1", routers=[hot, plain], health=Health({}), max_body_bytes=1000,
        request_seconds=5,
    )  # fmt: skip
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


JSON = {"content-type": "application/json"}
KNOWN = {"authorization": "me"}
GOOD = '{"key": "k", "tenant_id": "00000000-0000-0000-0000-000000000001"}'


@pytest.mark.parametrize(
    ("body", "headers", "query"),
    [
        (GOOD, JSON | KNOWN, ""),
        (GOOD, JSON | KNOWN | {"content-type": "application/merge-patch+json; charset=utf-8"}, ""),
        (GOOD, JSON, ""),
        (GOOD, JSON | KNOWN, "?verbose=1"),
        ("{}", JSON | KNOWN, ""),
        ('{"key": 7, "tenant_id": "me", "more": 1}', JSON | KNOWN, ""),
        ('{"key": 7}', JSON | KNOWN | {"accept-language": "fr"}, ""),
        ("[]", JSON | KNOWN, ""),
        ("null", JSON | KNOWN, ""),
        ("{", JSON | KNOWN, ""),
        ("", JSON | KNOWN, ""),
        ("", KNOWN, ""),
        (GOOD, KNOWN, ""),
        (GOOD, KNOWN | {"content-type": "text/plain"}, ""),
        ('{"key": "' + "x" * 2000 + '"}', JSON | KNOWN, ""),
    ],
)
async def test_both_answer_alike(body: str, headers: dict[str, str], query: str) -> None:
    async with client() as http:
        hot, plain = [
            await http.post(f"/{kind}/ask{query}", content=body, headers=headers) for kind in ("hot", "plain")
        ]
    assert hot.status_code == plain.status_code
    assert told(hot) == told(plain)


def told(answer: httpx.Response) -> Any:
    """Without what is each request's own."""
    if answer.is_success:
        return answer.text
    return {**answer.json(), "instance": None, "trace_id": None}


async def test_both_are_documented_alike() -> None:
    async with client() as http:
        paths = (await http.get("/v1/openapi.json")).json()["paths"]
    hot, plain = [{**paths[f"/{kind}/ask"]["post"], "operationId": None} for kind in ("hot", "plain")]
    assert hot == plain


def test_what_a_hot_route_cannot_read_is_refused_when_it_is_made() -> None:
    async def also(body: Asked, who: Annotated[str, Depends(guard)], verbose: bool = False) -> Response:
        return Response(f"{body} {who} {verbose}")

    with pytest.raises(TypeError, match="read no parameters"):
        APIRouter(route_class=HotRoute).post("/ask")(also)
