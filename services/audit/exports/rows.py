"""A record as a person reads it: a line of a CSV file, a row of the PDF. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.audit.exports.wording import word
from services.audit.records.record import rfc3339

HEAD = (
    "leaf_index",
    "received_at",
    "happened_at",
    "action",
    "crud",
    "outcome",
    "actor_id",
    "actor_type",
    "actor_name",
    "on_behalf_of",
    "impersonation_id",
    "target_type",
    "target_id",
    "target_name",
    "description",
    "product",
    "project_id",
    "source",
    "source_seq",
    "network",
    "session_id",
    "external_id",
    "correlation_id",
    "trace_id",
    "record_id",
    "leaf_hash",
)
"""The first line of every CSV file."""
TIME = "%Y-%m-%d %H:%M:%S"
SEALED = "[sealed]"


def csv_row(row: Mapping[str, Any], said: Mapping[str, Any]) -> list[Any]:
    """`row` has the columns of a record, `said` is its statement with the personal values that the reader may see."""
    made = {
        "received_at": rfc3339(row["received_at"]),
        "happened_at": rfc3339(row["happened_at"]),
        "outcome": outcome(row),
        "actor_id": id_in(row, said, "actor"),
        "target_id": id_in(row, said, "target"),
        "actor_name": text_in(said, "actor", "name"),
        "target_name": text_in(said, "target", "name"),
        "description": text_in(said, "description"),
        "leaf_hash": row["leaf_hash"].hex(),
    }
    return [made[name] if name in made else row[name] for name in HEAD]


def pdf_row(row: Mapping[str, Any], said: Mapping[str, Any], language: str) -> list[str]:
    """The texts of `pdf.COLUMNS`."""
    who = " ".join(
        filter(None, [text_in(said, "actor", "name"), id_in(row, said, "actor") or row["actor_type"]])
    )
    if row["on_behalf_of"]:
        who = f"{who} {word('for', language, whom=row['on_behalf_of'])}"
    kind_and_id = "/".join(filter(None, [row["target_type"], id_in(row, said, "target")]))
    return [
        str(row["leaf_index"]),
        shown(row["received_at"]),
        shown(row["happened_at"]),
        who,
        row["action"],
        " ".join(filter(None, [text_in(said, "target", "name"), kind_and_id])),
        row["product"] or word("platform", language),
        outcome(row),
    ]


def id_in(row: Mapping[str, Any], said: Mapping[str, Any], who: str) -> str | None:
    """The id as the source knows it if it may be seen, else what stands for it in the columns."""
    part = said.get(who)
    known = part.get("id") if isinstance(part, Mapping) else None
    found: str | None = known if isinstance(known, str) else row[f"{who}_id"]
    return found


def outcome(row: Mapping[str, Any]) -> str:
    return "failed" if row["is_failure"] else "ok"


def shown(time: datetime) -> str:
    """To the second; the exact time is in the CSV files and in the leaf."""
    return time.strftime(TIME)


def text_in(said: Mapping[str, Any], *steps: str) -> str:
    """A text of the statement, of the record as it was posted if need be; empty where there is none."""
    value: Any = said
    for step in steps:
        value = value.get(step) if isinstance(value, Mapping) else None
    if isinstance(value, Mapping):
        if "erased" in value:
            return f"[erased {value['erased']}]"
        return SEALED if "sealed" in value else ""
    return value if isinstance(value, str) else ""
