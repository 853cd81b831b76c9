"""The routes of flags and floors in this process, and operators who call them."""

import contextlib
import uuid
from collections.abc import AsyncIterator
from typing import Any, cast

import httpx
import orjson

from chassis.auth import Authenticate, TokenVerifier
from chassis.clock import SystemClock
from chassis.db import Database
from chassis.errors import Unauthorized
from chassis.health import Health
from chassis.http import create_api
from chassis.pages import PageTokens
from contracts.claims import Claims
from services.registry.flags import api as flags
from services.registry.floors import api as floors

ROLES = {"admin": "PLATFORM_ADMIN", "support": "SUPPORT_ENGINEER", "sales": "SALES_REP"}
SAID = "select subject, headers, payload from outbox where subject = $1 order by id"


class KnownTokens:
    """Knows operators by the word that they send."""

    async def verify(self, token: str) -> Claims:
        if token not in ROLES:
            raise Unauthorized("not one of ours")
        return Claims(token, token, frozenset({"registry"}), 2**40, realm_roles=frozenset({ROLES[token]}))


class Desk:
    """Who calls, and with what headers."""

    def __init__(self, http: httpx.AsyncClient, who: str) -> None:
        self._http = http
        self._who = {"Authorization": f"Bearer {who}"} if who else {}

    async def get(self, path: str, **query: Any) -> httpx.Response:
        return await self._http.get(path, params=query, headers=self._who)

    async def send(
        self, method: str, path: str, body: Any = None, *, match: str = "", key: str | None = "", **query: Any
    ) -> httpx.Response:
        """`match` is the ETag; without one that of the present state. `key` None sends none."""
        headers = dict(self._who)
        if match != "none":
            seen = {name: value for name, value in query.items() if name == "tenant_id"}
            headers["If-Match"] = match or (await self.get(path, **seen)).headers.get("ETag", '"0"')
        if key is not None:
            headers["Idempotency-Key"] = key or uuid.uuid4().hex
        return await self._http.request(method, path, json=body, params=query, headers=headers)

    async def change(self, method: str, path: str, body: Any = None, **query: Any) -> dict[str, Any]:
        """One that is expected to be taken."""
        answer = await self.send(method, path, body, **query)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        assert answer.headers["ETag"] == f'"{told["row_version"]}"'
        return told


class Operators:
    """`operators("admin")`, `operators("")` for nobody."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    def __call__(self, who: str) -> Desk:
        return Desk(self._http, who)


@contextlib.asynccontextmanager
async def operators(database: Database) -> AsyncIterator[Operators]:
    authenticate = Authenticate(cast("TokenVerifier", KnownTokens()))
    shared = (database, authenticate, SystemClock(), PageTokens(b"secret"))
    app = create_api(
        service="registry",
        version="1",
        routers=[flags.router(*shared), floors.router(*shared)],
        health=Health({}),
        max_body_bytes=100_000,
        request_seconds=20,
    )
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://registry") as http:
        yield Operators(http)


async def said(database: Database, type_: str) -> list[tuple[dict[str, str], dict[str, Any]]]:
    """(headers, body) of the events of this type, in order."""
    async with database.platform_reading() as tx:
        rows = await tx.fetch(SAID, type_)
    return [(orjson.loads(row["headers"]), orjson.loads(row["payload"])) for row in rows]


def check_problem(answer: httpx.Response, status: int, code: str, **place: str) -> dict[str, Any]:
    """`place`: pointer, parameter or header of the first fault, and perhaps its `fault` code."""
    told: dict[str, Any] = answer.json()
    assert (answer.status_code, told.get("code")) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert told["detail"]
    if place:
        fault = told["errors"][0]
        assert {name: fault["code" if name == "fault" else name] for name in place} == place, told
        assert fault["detail"]
    return told
