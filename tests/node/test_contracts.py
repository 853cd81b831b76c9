"""What programs in another language make of the contracts: their own parsers and validators, in Node."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from contracts.catalogue import EVENT_TYPES
from contracts.subjects import SERVICES
from services.notifier.signatures import new_secret, sign
from tenantry.stack.stack import Stack
from tests.node.running import told_by

pytestmark = [pytest.mark.node, pytest.mark.xdist_group("stack")]
HERE = Path(__file__).parent
CONTRACTS = HERE.parents[1] / "contracts"


def test_the_official_parser_reads_every_event() -> None:
    told = told_by("asyncapi.mjs", CONTRACTS / "asyncapi.yaml")
    assert told["faults"] == []
    assert sorted(told["types"]) == sorted(EVENT_TYPES)
    assert told["operations"] == len(EVENT_TYPES)


def test_the_official_parser_finds_what_is_broken(tmp_path: Path) -> None:
    broken = tmp_path / "asyncapi.yaml"
    broken.write_text(
        (CONTRACTS / "asyncapi.yaml")
        .read_text("utf-8")
        .replace("#/components/schemas/headers", "#/nowhere", 1)
    )
    assert any("nowhere" in fault for fault in told_by("asyncapi.mjs", broken)["faults"])


def test_examples_fit_their_schemas_and_nothing_less_does() -> None:
    told = told_by("examples.mjs", CONTRACTS / "schemas", CONTRACTS / "examples")
    assert told["faults"] == []
    assert told["looked"] >= len(EVENT_TYPES)


def test_openapi_documents_are_what_the_specification_says(live_stack: Path, tmp_path: Path) -> None:
    stack, files = Stack(live_stack), []
    for service in SERVICES:
        answer = httpx.get(f"{stack.url(service)}/v1/openapi.json", trust_env=False).raise_for_status()
        files.append(tmp_path / f"{service}.json")
        files[-1].write_text(answer.text)
    told = told_by("openapi.mjs", *files)
    assert (told["faults"], told["versions"]) == ([], ["3.1"] * len(SERVICES))


@pytest.mark.parametrize(("change", "is_good"), [(lambda body: body, True), (lambda body: body + " ", False)])
def test_a_receiver_in_another_language_verifies_a_delivery(change: Any, is_good: bool) -> None:
    secret, body = new_secret(), json.dumps({"type": "tenant.activated", "name": "Zoë"}, ensure_ascii=False)
    headers = sign(secret, "msg_1", datetime.now(UTC), body.encode())
    told = told_by(
        "webhook.mjs", given=json.dumps({"secret": secret, "headers": headers, "body": change(body)})
    )
    if is_good:
        assert told == {"verified": json.loads(body), "refused": None}
    else:
        assert told == {"verified": None, "refused": "No matching signature found"}
