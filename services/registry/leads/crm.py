"""The CRM behind one small interface; the local adapter keeps documents in a folder."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Protocol
from uuid import UUID, uuid4

import orjson

from chassis.errors import Transient

Doctype = Literal["Lead", "Task"]


class CrmUnavailable(Transient):
    """The CRM did not take the document."""


class Crm(Protocol):
    """Finds the document by its external id, or creates it; a newer version stays as it is. Raises CrmUnavailable."""

    async def record(
        self, doctype: Doctype, external_id: UUID, version: int, fields: Mapping[str, Any]
    ) -> None: ...


class LocalCrm:
    """`<folder>/<doctype>/<external id>.json`, whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def record(
        self, doctype: Doctype, external_id: UUID, version: int, fields: Mapping[str, Any]
    ) -> None:
        told = {"doctype": doctype, "external_id": str(external_id), "version": version, **fields}
        try:
            await asyncio.to_thread(keep_newest, self._folder / doctype / f"{external_id}.json", told)
        except OSError as error:
            raise CrmUnavailable(f"{doctype}: {error!r}") from error


def keep_newest(path: Path, told: dict[str, Any]) -> None:
    """The name is the external id, so that a second try finds the first one's document."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and orjson.loads(path.read_bytes())["version"] > told["version"]:
        return
    fresh = path.with_name(f".{path.name}.{uuid4().hex}")
    with fresh.open("wb") as file:
        file.write(orjson.dumps(told, option=orjson.OPT_INDENT_2))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
