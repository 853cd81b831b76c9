"""Retraced's published client works against audit unchanged, and its hash check passes."""

import json
from typing import Any

import httpx
import pytest

from chassis.ids import uuid7
from tests.integration.audit.conftest import audit, issuer, log
from tests.integration.audit.publishing import PROJECT, new_token
from tests.integration.audit.tokens import TestIssuer
from tests.node.running import told_by_async

__all__ = ["audit", "issuer", "log"]
pytestmark = [pytest.mark.node]
TENANT = uuid7()
EVENTS: list[dict[str, Any]] = [
    {
        "action": "node.one",
        "crud": "u",
        "group": {"id": str(TENANT), "name": "Seaview"},
        "actor": {
            "id": "u-1",
            "name": "Zoë: 100 % & Söhne",
            "href": "https://x.example/?a=b",
            "fields": {"k:=;": "%:=;"},
        },
        "target": {"id": "t:1%", "name": "Thing", "type": "thing"},
        "source_ip": "2001:DB8::1",
        "description": "Ein Gerät; l'été",
        "is_failure": True,
        "fields": {";zyx=cba": "% hi: there %", "\uff5e": "1", "\U0001f600": "2", "leer": ""},
        "external_id": "e:1",
        "metadata": {"m": "=;"},
    },
    {"action": "node.two", "crud": "r", "is_anonymous": True, "fields": {}, "metadata": {}},
    {"action": "node.three", "crud": "d", "actor": {"id": "zoe@x.example"}, "group": {"id": str(TENANT)}},
]


async def test_the_published_client_reports_reads_and_checks_its_hashes(
    audit: httpx.AsyncClient, issuer: TestIssuer
) -> None:
    made = await new_token(audit, issuer, TENANT, may_read=True)
    given = {
        "endpoint": str(audit.base_url).rstrip("/"),
        "token": made["token"],
        "project": PROJECT,
        "tenant": str(TENANT),
        "events": EVENTS,
    }
    told = await told_by_async("retraced.mjs", given=json.dumps(given))
    assert len({told["one"], *told["many"]}) == 4
    shown = [node for page in told["pages"] for node in page]
    assert [len(page) for page in told["pages"]] == [2, 2]
    assert told["total"] == 4
    assert {node["id"] for node in shown} == {told["one"], *told["many"]}
    first = next(node for node in shown if node["id"] == told["one"])
    sent = EVENTS[0]
    assert first["fields"] == sent["fields"]
    assert first["actor"] == sent["actor"]
    assert {name: first[name] for name in ("action", "crud", "description", "is_failure", "external_id")} == {
        name: sent[name] for name in ("action", "crud", "description", "is_failure", "external_id")
    }
    assert {node["actor"]["id"] for node in told["own"]} == {"u-1"}
    assert len(told["own"]) == 2
    assert told["refused"] == "Unexpected HTTP response: 422 Unprocessable Entity"
