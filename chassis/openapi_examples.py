"""Puts the recorded examples into an OpenAPI document, and a schema derived from them where there is none."""

from collections.abc import Sequence
from typing import Any

from chassis.shapes import schema_of
from contracts.http_examples import JSON, Examples, Exchange

DERIVED = "Derived from recorded answers: where they show a value there may be null."


def put_into(document: dict[str, Any], examples: Examples) -> None:
    """Changes `document`; examples of operations that it does not have are left out."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if recorded := examples.get(f"{method.upper()} {path}"):
                show_parameters(operation, recorded)
                show_request(operation, recorded)
                show_answers(operation, recorded)


def show_parameters(operation: dict[str, Any], recorded: Sequence[Exchange]) -> None:
    for parameter in operation.get("parameters", []):
        name = parameter["name"]
        told = [(one.title, {**one.headers, **one.query, **one.path}.get(name)) for one in recorded]
        show(parameter, [(title, value) for title, value in told if value is not None])


def show_request(operation: dict[str, Any], recorded: Sequence[Exchange]) -> None:
    told = [(one.title, one.request) for one in recorded if one.request is not None]
    if not told:
        return
    # A route that reads the body by itself declares none.
    body = operation.setdefault(
        "requestBody", {"required": True, "content": {JSON: {"schema": {"type": "object"}}}}
    )
    show(body["content"][JSON], told)


def show_answers(operation: dict[str, Any], recorded: Sequence[Exchange]) -> None:
    for status in sorted({one.status for one in recorded}):
        told = [one for one in recorded if one.status == status and one.response is not None]
        if not told:
            continue
        answer = operation["responses"].setdefault(str(status), {"description": "Successful Response"})
        content = answer.setdefault("content", {}).setdefault(told[0].media_type, {})
        if says_nothing(content.get("schema", {})):
            schema = schema_of([one.response for one in told])
            content["schema"] = schema if schema["type"] == "string" else {**schema, "description": DERIVED}
        show(content, [(one.title, one.response) for one in told])


def says_nothing(schema: dict[str, Any]) -> bool:
    """What FastAPI writes for a Response or a `dict[str, Any]`."""
    return {**schema, "title": ""} in (
        {"title": ""},
        {"type": "object", "additionalProperties": True, "title": ""},
    )


def show(place: dict[str, Any], told: Sequence[tuple[str, Any]]) -> None:
    """One as `example`; several, which differ, under their titles."""
    distinct = {title: value for at, (title, value) in enumerate(told) if value not in values(told[:at])}
    if len(distinct) == 1:
        place["example"] = next(iter(distinct.values()))
    elif distinct:
        place["examples"] = {title or "usual": {"value": value} for title, value in distinct.items()}


def values(told: Sequence[tuple[str, Any]]) -> list[Any]:
    return [value for _, value in told]
