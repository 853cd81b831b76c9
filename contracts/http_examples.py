"""Golden HTTP examples, one file per service in `http/`: real requests and answers, recorded from a running stack.

`python -m scripts.record_examples` writes them; the OpenAPI documents show them.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "http"
JSON = "application/json"
MAPS = frozenset({"config", "counts", "dependencies", "floors", "parts", "role_map", "trial_quota"})
"""Members whose own names are data, not words of the contract."""
FREE = frozenset({"default", "effective", "value"})
"""Members whose type is data: values of flags, of floors, of synchronised records."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer."""

    status: int
    title: str = ""
    """Tells the examples of one operation apart."""
    path: dict[str, str] = field(default_factory=dict)
    query: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    request: Any = None
    response: Any = None
    """None for an answer without a body."""
    media_type: str = JSON

    def as_json(self) -> dict[str, Any]:
        """Without what is empty or usual."""
        return {name: value for name, value in asdict(self).items() if value not in ("", {}, None, JSON)}


Examples = dict[str, list[Exchange]]
"""`POST /v1/tenants/{tenant_id}/hold` → its examples, usually one."""


def file_of(service: str, folder: Path = FOLDER) -> Path:
    return folder / f"{service}.json"


def read(service: str, folder: Path = FOLDER) -> Examples:
    """The service's examples; none where there is no file."""
    path = file_of(service, folder)
    if not path.exists():
        return {}
    told: dict[str, list[dict[str, Any]]] = json.loads(path.read_text("utf-8"))
    return {operation: [Exchange(**one) for one in several] for operation, several in told.items()}


def written(examples: Examples) -> str:
    """The text of a file, the same for the same examples."""
    told = {operation: [one.as_json() for one in several] for operation, several in sorted(examples.items())}
    return json.dumps(told, indent=2, ensure_ascii=False) + "\n"
