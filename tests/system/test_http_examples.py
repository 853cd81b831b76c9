"""Every operation has a description and an example, and the running system still answers in the shape of the example."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from chassis.shapes import schema_of
from contracts import http_examples
from contracts.http_examples import Examples
from contracts.subjects import SERVICES
from scripts.record_examples.cast import assemble
from scripts.record_examples.story import play
from tenantry.stack.stack import Stack

pytestmark = [pytest.mark.timeout(180), pytest.mark.xdist_group("stack")]


async def told_again(stack: Stack, folder: Path) -> dict[str, Examples]:
    async with assemble(stack, folder) as cast:
        await play(cast)
        return cast.recorder.kept


@pytest.fixture(scope="module")
def told(live_stack: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Examples]:
    """What the story brings on this stack."""
    return asyncio.run(told_again(Stack(live_stack), tmp_path_factory.mktemp("desktop")))


@pytest.fixture(scope="module")
def documents(live_stack: Path) -> dict[str, dict[str, Any]]:
    """Service → `POST /v1/tenants` → the operation in its OpenAPI document."""
    found = {}
    for service in SERVICES:
        document = httpx.get(f"{Stack(live_stack).url(service)}/v1/openapi.json", trust_env=False).json()
        found[service] = {
            f"{method.upper()} {path}": operation
            for path, operations in document["paths"].items()
            for method, operation in operations.items()
        }
    return found


def faults(recorded: Examples, told: Examples) -> list[str]:
    """Where what is told now has another shape than what was recorded."""
    found = []
    for operation, several in recorded.items():
        now = {one.title: one for one in told.get(operation, [])}
        for one in several:
            if (again := now.get(one.title)) is None:
                found.append(f"{operation} {one.title}: the story does not bring it any more")
                continue
            if (again.status, again.media_type) != (one.status, one.media_type):
                found.append(f"{operation}: {again.status} {again.media_type}, was {one.status}")
            for part in ("request", "response"):
                found += differences(f"{operation} {part}", getattr(one, part), getattr(again, part))
    return found


def differences(place: str, was: Any, now: Any) -> list[str]:
    """Null and the empty list say nothing of what may stand there."""
    validator = jsonschema.Draft202012Validator(schema_of([was], is_strict=True))
    return [f"{place} {error.json_path}: {error.message[:300]}" for error in validator.iter_errors(now)]


@pytest.mark.parametrize("service", SERVICES)
def test_every_operation_has_an_example_and_a_description(
    service: str, documents: dict[str, dict[str, Any]]
) -> None:
    operations, recorded = documents[service], http_examples.read(service)
    assert set(operations) == set(recorded), "run `python -m scripts.record_examples`"
    assert [name for name, operation in operations.items() if not operation.get("description")] == []


@pytest.mark.parametrize("service", SERVICES)
def test_documents_show_the_examples(service: str, documents: dict[str, dict[str, Any]]) -> None:
    for name, several in http_examples.read(service).items():
        operation = documents[service][name]
        for one in several:
            shown = operation["responses"][str(one.status)].get("content", {})
            if one.response is not None:
                assert one.response in examples_of(shown[one.media_type]), name
                assert shown[one.media_type]["schema"], name
            if one.request is not None:
                assert one.request in examples_of(operation["requestBody"]["content"]["application/json"])
            for parameter in operation.get("parameters", []):
                value = {**one.headers, **one.path, **one.query}.get(parameter["name"])
                assert value is None or value in examples_of(parameter), name


def examples_of(place: dict[str, Any]) -> list[Any]:
    return [place.get("example"), *(one["value"] for one in place.get("examples", {}).values())]


@pytest.mark.parametrize("service", SERVICES)
def test_answers_still_have_the_shape_of_the_examples(service: str, told: dict[str, Examples]) -> None:
    found = faults(http_examples.read(service), told[service])
    assert not found, "\n".join([*found, "If it is meant: python -m scripts.record_examples"])
