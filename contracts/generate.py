"""Makes the published forms of the contracts from the declarations: `python -m contracts.generate [--check]`.

JSON Schemas, the AsyncAPI 3 document and, where there is none yet, a golden example per event type.
"""

import json
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from uuid import UUID

from pydantic import BaseModel

from contracts.catalogue import EVENT_TYPES
from contracts.event import Event
from contracts.subjects import schema_of

HERE = Path(__file__).parent
SCALARS: dict[Any, Any] = {
    str: "text",
    int: 7,
    bool: True,
    UUID: UUID("019b0000-0000-7000-8000-000000000001"),
    date: date(2027, 1, 1),
    datetime: datetime(2027, 1, 1, 12, 0, 0, 250_000, tzinfo=UTC),
    NoneType: None,
}
HEADERS = [
    "ce-specversion",
    "ce-id",
    "ce-source",
    "ce-type",
    "ce-time",
    "ce-subject",
    "ce-dataschema",
    "ce-tenantid",
    "ce-sequence",
    "ce-sourceepoch",
    "ce-aggregateversion",
]


def schema(event: type[Event]) -> dict[str, Any]:
    """JSON Schema 2020-12 of an event's body."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": schema_of(event.type),
        **event.model_json_schema(mode="validation"),
    }


def payload(event: type[Event], parts: dict[str, Any]) -> dict[str, Any]:
    """An event's body for AsyncAPI, whose parsers look for references from the root: its parts go into `parts`.

    Raises ValueError for two parts of one name that differ.
    """
    found = event.model_json_schema(mode="validation", ref_template="#/components/schemas/{model}")
    for name, part in found.pop("$defs", {}).items():
        if parts.setdefault(name, part) != part:
            raise ValueError(f"two parts of events are named {name} and differ; name one anew")
    return found


def asyncapi() -> dict[str, Any]:
    """One channel, message and operation per event type."""
    channels, operations, messages = {}, {}, {}
    schemas: dict[str, Any] = {}
    for type_, event in EVENT_TYPES.items():
        name = type_.replace(".", "_")
        channels[name] = {"address": type_, "messages": {name: {"$ref": f"#/components/messages/{name}"}}}
        operations[f"publish_{name}"] = {
            "action": "send",
            "channel": {"$ref": f"#/channels/{name}"},
            "messages": [{"$ref": f"#/channels/{name}/messages/{name}"}],
        }
        messages[name] = {
            "name": type_,
            "summary": (event.__doc__ or "").strip().splitlines()[0],
            "contentType": "application/json",
            "headers": {"$ref": "#/components/schemas/headers"},
            "payload": {
                "schemaFormat": "application/schema+json;version=draft-2020-12",
                "schema": payload(event, schemas),
            },
        }
    schemas["headers"] = {
        "type": "object",
        "required": HEADERS,
        "properties": {header: {"type": "string"} for header in HEADERS},
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Tenantry events",
            "version": "1.0.0",
            "description": "CloudEvents 1.0 in NATS headers, one stream per producer; the subject is the type.",
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": schemas},
    }


def example(model: type[BaseModel]) -> dict[str, Any]:
    """Values of the right kind for every field."""
    return {name: sample(field.annotation) for name, field in model.model_fields.items()}


def sample(annotation: Any) -> Any:
    """A value of this type."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return sample(arguments[0])
    if origin is Literal:
        return arguments[0]
    if origin in {Union, UnionType}:
        return sample(next(argument for argument in arguments if argument is not NoneType))
    if origin is tuple:
        return (sample(arguments[0]),)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation(**example(annotation))
    return SCALARS[annotation]


def outputs() -> dict[Path, str]:
    """Path → what it must hold."""
    found = {
        HERE / "schemas" / f"{type_}.json": pretty(schema(event)) for type_, event in EVENT_TYPES.items()
    }
    # JSON is YAML; this form needs no library to write and every parser reads it.
    found[HERE / "asyncapi.yaml"] = pretty(asyncapi())
    return found


def missing_examples() -> dict[Path, str]:
    """Golden examples that no type may be without; those that exist are never touched."""
    found = {}
    for type_, event in EVENT_TYPES.items():
        path = HERE / "examples" / type_ / "1.json"
        if not path.exists():
            found[path] = pretty(json.loads(event(**example(event)).data()))
    return found


def pretty(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def main() -> int:
    """Write, or with --check only compare; the names of what differs go to stderr."""
    wanted = outputs() | missing_examples()
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text("utf-8") != text]
    extra = [path for path in (HERE / "schemas").glob("*.json") if path not in wanted]
    if "--check" in sys.argv[1:]:
        for path in stale + extra:
            sys.stderr.write(
                f"contracts: {path.relative_to(HERE)} is not what the declarations say; run python -m contracts.generate\n"
            )
        return 1 if stale or extra else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[path], "utf-8")
    for path in extra:
        path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
