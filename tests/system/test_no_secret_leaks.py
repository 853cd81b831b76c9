"""Nothing secret of an installation is in what its processes write, say, keep, send or answer."""

import base64
import binascii
import contextlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import asyncpg
import pytest

from chassis.service_tokens import ServiceTokens
from contracts.subjects import SERVICES, STREAMS
from tenantry.commands import running
from tenantry.demo.receiver import Receiver
from tenantry.demo.world import BFF_BASE, Tenant, World
from tenantry.issuer.signing import Signer
from tenantry.stack.stack import Stack
from tests.infra import eventually

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("stack")]
SHORTEST = 16
"""A text that is shorter could be anywhere by chance."""
KEY = {"name": "Night sync", "product": "ai_console", "scopes": ["read"]}
VERIFY, REPORT = "/internal/api-keys/verify", "/v1/api-keys/report-leak"
STREAMED = (*STREAMS.values(), "FEED")
TABLES = """
select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = any($1) and c.relkind in ('r', 'p') and not c.relispartition
"""
COLUMNS = """
select column_name, data_type from information_schema.columns where table_schema = $1 and table_name = $2
"""
IN_THE_OPEN = frozenset({"kty", "crv", "x", "y", "kid", "alg", "use"})
"""Parts of a key that are public."""


def spellings(secret: str) -> set[str]:
    """As it is, in an address, in hexadecimal; of one in base64 what it stands for too."""
    found = {secret, quote(secret, safe=""), secret.encode().hex()}
    with contextlib.suppress(ValueError, binascii.Error):
        raw = base64.b64decode(secret, validate=True)
        found |= {raw.hex(), base64.urlsafe_b64encode(raw).decode().rstrip("=")}
    return found


def secrets_in(value: Any) -> Iterator[str]:
    """Every secret text of the data folder's file, whatever it is called."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, part in value.items():
            if name not in IN_THE_OPEN:
                yield from secrets_in(part)
    else:
        assert isinstance(value, list), value
        for part in value:
            yield from secrets_in(part)


def leaks(places: Mapping[str, list[str]], secrets: Mapping[str, set[str]]) -> list[str]:
    """Where which secret is; never the secret itself."""
    return [
        f"{name} in {place}, text {number}"
        for place, texts in places.items()
        for number, text in enumerate(texts)
        for name, words in secrets.items()
        if any(word in text for word in words)
    ]


@dataclass
class Search:
    """What was made on the way, and what was answered."""

    world: World
    secrets: dict[str, set[str]] = field(default_factory=dict)
    answers: list[str] = field(default_factory=list)

    @property
    def stack(self) -> Stack:
        return self.world.stack

    def keep(self, name: str, secret: str) -> str:
        assert len(secret) >= SHORTEST, name
        self.secrets[f"{name} {len(self.secrets)}"] = spellings(secret)
        return secret

    def keep_key(self, key: str) -> str:
        """With its random part and its digest."""
        pepper = base64.b64decode(self.stack.secrets.key_pepper)
        digest = hmac.digest(pepper, key.encode(), "sha256")
        self.keep("API key", key)
        self.keep("random part of an API key", key[8:40])
        self.keep("digest of an API key", base64.b64encode(digest).decode())
        return key

    def product(self) -> dict[str, str]:
        file = self.stack.folder.path / "issuer" / "issuer.sqlite"
        claims = {"sub": "p", "aud": ["registry"], "realm_access": {"roles": ["service:product:ai_console"]}}
        token = Signer.kept_in(file, self.stack.url("issuer")).sign(claims, time.time(), 300)
        return {"Authorization": f"Bearer {self.keep('token of a product', token)}"}

    async def broken(
        self, method: str, service: str, path: str, headers: dict[str, str], **sent: Any
    ) -> None:
        """A request that holds a secret where it does not belong, or is no good; its answer is looked at."""
        url = f"{self.stack.url(service)}{path}"
        answer = await self.world.http.request(method, url, headers=headers, **sent)
        assert 400 <= answer.status_code < 500, (path, answer.status_code)
        self.answers.append(f"{answer.text} {dict(answer.headers)}")


async def use_keys(search: Search, tenant: Tenant) -> None:
    """Issue, verify, rotate, revoke, report; and the key in places where it does not belong."""
    world, product = search.world, search.product()
    path = f"/v1/tenants/{tenant.tenant_id}/api-keys"
    registry = search.stack.url("registry")
    made = await world.post("registry", path, KEY)
    key = search.keep_key(made["key"])
    headers = await world.operator() | {"If-Match": '"1"'}
    url = f"{registry}{path}/{made['key_id']}"
    rotated = await world.http.post(f"{url}/rotation", json={"overlap_hours": 1}, headers=headers)
    successor = search.keep_key(rotated.raise_for_status().json()["key"])
    for one in (key, successor):
        answer = await world.http.post(f"{registry}{VERIFY}", json={"key": one}, headers=product)
        assert answer.json()["code"] == "VALID"
    typing = {"Content-Type": "application/json"}
    await search.broken("POST", "registry", VERIFY, product, json={"key": [key]})
    await search.broken("POST", "registry", VERIFY, product, json={"key": key, "tenant_id": key})
    await search.broken("POST", "registry", VERIFY, product | typing, content=f'{{"key": "{key}"')
    await search.broken("POST", "registry", VERIFY, {"Authorization": f"Bearer {key}"}, json={"key": key})
    await search.broken("POST", "registry", REPORT, {}, json={"key": {"it": key}})
    await search.broken("POST", "registry", path, await world.operator(), json={**KEY, "project_id": key})
    await search.broken("GET", "registry", path, await world.operator(), params={"page_token": key})
    headers = await world.operator() | {"If-Match": '"2"'}
    (await world.http.delete(url, headers=headers)).raise_for_status()
    reported = await world.http.post(f"{registry}{REPORT}", json={"key": successor})
    assert reported.status_code == 202


async def use_a_desktop(search: Search, tenant: Tenant, folder: Path) -> None:
    """Sign in, enrol, open a session, renew; then be refused."""
    world = search.world
    person = await world.new_person(tenant, "front.desk", "front_desk")
    search.keep("password of a member", person.password)
    desktop = await world.new_desktop(folder, person, "Ubuntu 24.04")
    search.keep("private key of a device", str(desktop.proofs.key.as_dict(private=True)["d"]))
    first = await desktop.signin.renew()
    second = await desktop.signin.renew()
    for tokens in (first, second):
        search.keep("access token", tokens.access_token)
        search.keep("refresh token", str(tokens.refresh_token))
    bound = {"Authorization": f"Bearer {second.access_token}"}
    await search.broken("GET", "registry", f"/v1/tenants/{tenant.tenant_id}", bound)
    await search.broken("GET", "bff", f"{BFF_BASE}/bootstrap", bound)
    unbound = {"Authorization": f"DPoP {second.access_token}", "DPoP": second.access_token}
    await search.broken("GET", "bff", f"{BFF_BASE}/bootstrap", unbound)
    form = {"grant_type": "refresh_token", "refresh_token": str(second.refresh_token), "client_id": "desktop"}
    await search.broken("POST", "issuer", "/token", {}, data=form)
    await desktop.close()


async def use_services(search: Search) -> None:
    """Their tokens, where they are wanted and where they are not; those of operators too."""
    world, stack = search.world, search.stack
    for name in SERVICES:
        key = json.dumps(stack.secrets.service_keys[name])
        token = await ServiceTokens(stack.url("issuer"), name, key).token("registry")
        search.keep(f"token of {name}", token)
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": uuid4().hex}
        await search.broken("POST", "registry", "/v1/tenants", headers, json={})
        await search.broken("GET", "audit", f"/v1/tenants/{uuid4()}/audit/log/checkpoint", headers)
    operator = await world.operator()
    search.keep("token of an operator", operator["Authorization"].removeprefix("Bearer "))
    await search.broken("GET", "notifier", f"/v1/tenants/{uuid4()}/nothing", operator)


async def use_an_endpoint(search: Search, tenant: Tenant) -> None:
    """A webhook endpoint that is delivered to, and mails about what happened."""
    world = search.world
    async with Receiver() as receiver:
        secret = search.keep("secret of an endpoint", await world.new_endpoint(tenant, receiver.url))
        search.keep("key of an endpoint", secret.removeprefix("whsec_"))
        seen = await world.get("registry", f"/v1/tenants/{tenant.tenant_id}")
        bought = {"source": "payment", "reference": "PI-1", "plan": "starter", "products": ["notetaker"]}
        url = f"{search.stack.url('registry')}/v1/tenants/{tenant.tenant_id}/activation"
        headers = await world.operator() | {"If-Match": seen.headers["etag"]}
        (await world.http.post(url, json=bought, headers=headers)).raise_for_status()
        await eventually(lambda: bool(receiver.deliveries), 30, "a delivery")
        path = f"/v1/tenants/{tenant.tenant_id}/webhook-endpoints"
        await search.broken(
            "POST", "notifier", path, await world.operator(), json={"url": secret, "secret": secret}
        )
        search.answers += [delivery.body.decode() for delivery in receiver.deliveries]


def texts_below(folder: Path) -> list[str]:
    return [file.read_text(errors="replace") for file in sorted(folder.rglob("*")) if file.is_file()]


async def events_of(stack: Stack) -> list[str]:
    """Headers and bodies of every message of every stream."""
    found = []
    async with running.bus(stack) as client:
        stream = client.jetstream()
        for name in STREAMED:
            state = (await stream.stream_info(name)).state
            for seq in range(state.first_seq, state.last_seq + 1):
                message = await stream.get_msg(name, seq)
                found.append(f"{message.subject} {message.headers} {(message.data or b'').decode()}")
    return found


async def rows_of(stack: Stack) -> list[str]:
    """Every row of every table of every service but the digests, which are there to be compared."""
    async with running.database(stack) as connection:
        tables = await connection.fetch(TABLES, list(SERVICES))
        assert len(tables) > 40
        return [text for table in tables for text in await texts_of(connection, table[0], table[1])]


async def texts_of(connection: asyncpg.Connection, schema: str, table: str) -> list[str]:
    """What is kept as bytes (events, answers) is read as text."""
    asked = [
        f"encode(\"{name}\", 'escape')" if type_ == "bytea" else f'"{name}"::text'
        for name, type_ in await connection.fetch(COLUMNS, schema, table)
        if (table, name) != ("api_key", "digest")
    ]
    sql = f'select concat_ws(chr(10), {", ".join(asked)}) from {schema}."{table}"'  # noqa: S608  # from the catalogue
    return [row[0] for row in await connection.fetch(sql)]


@pytest.fixture
async def search(live_stack: Path) -> AsyncIterator[Search]:
    found = Search(World(Stack(live_stack)))
    for secret in secrets_in(json.loads((live_stack / "secrets.json").read_text())):
        found.keep("secret of the data folder", secret)
    yield found
    await found.world.close()


async def test_no_secret_is_in_logs_traces_events_tables_mails_or_answers(
    search: Search, live_stack: Path, tmp_path: Path
) -> None:
    tenant = await search.world.new_tenant("en")
    await use_keys(search, tenant)
    await use_a_desktop(search, tenant, tmp_path / "desktop")
    await use_services(search)
    await use_an_endpoint(search, tenant)
    mails = live_stack / "mail"
    await eventually(lambda: tenant.slug in "".join(texts_below(mails)), 30, "a mail about the tenant")
    places = {
        "logs": texts_below(live_stack / "logs"),
        "traces": texts_below(live_stack / "traces"),
        "events": await events_of(search.stack),
        "tables": await rows_of(search.stack),
        "mails": texts_below(mails),
        "answers": search.answers,
    }
    assert {name: len(texts) > 0 for name, texts in places.items()} == dict.fromkeys(places, True)
    assert sum(len(text) for text in places["logs"]) > 10_000
    assert "registry.api_key.revoked.v1" in "".join(places["events"])
    assert len(search.secrets) > 50
    assert leaks(places, search.secrets) == []


@pytest.mark.parametrize("how", ["as it is", "in an address", "in hexadecimal"])
def test_the_search_finds_what_is_planted_in_a_log(tmp_path: Path, how: str) -> None:
    secret = base64.b64encode(b"\xfb\xff" * 16).decode()
    spelt = {
        "as it is": secret,
        "in an address": quote(secret, safe=""),
        "in hexadecimal": (b"\xfb\xff" * 16).hex(),
    }
    (tmp_path / "registry.log").write_text(
        f'{{"event": "something", "detail": "it was {spelt[how]}, sorry"}}\n'
    )
    assert leaks({"logs": texts_below(tmp_path)}, {"planted": spellings(secret)}) == [
        "planted in logs, text 0"
    ]
    assert leaks({"logs": texts_below(tmp_path)}, {"another": spellings("x" * 32)}) == []
