"""A tenant's log as the API of audit gives it to whoever may read it."""

import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx

from chassis.outgoing import http_client
from tenantry.commands import running
from tenantry.commands.running import console
from tenantry.log_verifier import Unverified, leaf_hash
from tenantry.stack.errors import StackError

EVENT = "tenantry-audit-event/1"
LEDGER = UUID(int=1)
"""Its records are the entries of the ledger."""
PAGE = 200
REASON = "Verification of the log from the command line"
"""Told with every request, and recorded."""
TILE = 256
HASH_BYTES = 32


@dataclass(frozen=True, slots=True)
class LogReader:
    """Asks as the caller of `http`; an answer that is none is an httpx error."""

    http: httpx.AsyncClient
    tenant: UUID

    @property
    def origin(self) -> str:
        return f"tenantry/audit/{'ledger' if self.tenant == LEDGER else self.tenant}"

    async def get(self, path: str, **parameters: Any) -> httpx.Response:
        """Of the tenant's log; a path that begins with a slash is anybody's."""
        url = path if path.startswith("/") else f"/v1/tenants/{self.tenant}/audit/{path}"
        return (await self.http.get(url, params=parameters)).raise_for_status()

    async def key(self) -> str:
        found: str = (await self.get("/v1/audit/key")).json()["verifier_key"]
        return found

    async def entries(self, size: int) -> list[bytes]:
        """The first `size` leaves, or as many as there are. Raises Unverified for a record that differs from its leaf."""
        found: list[bytes] = []
        with console.status("reading the log") as reading:
            while len(found) < size:
                count = min(PAGE, size - len(found))
                page = (await self.get("records", first=len(found), page_size=count)).json()
                if not page["records"]:
                    break
                found += [entry_of(record, index) for index, record in enumerate(page["records"], len(found))]
                reading.update(f"reading the log: {len(found)} of {size} records")
        return found

    async def tile(self, number: int, width: int) -> list[bytes]:
        """Leaf hashes as the tree has them."""
        part = "" if width == TILE else f".p/{width}"
        hashes = (await self.get(f"log/tile/0/{path_of(number)}{part}")).content
        return [hashes[i : i + HASH_BYTES] for i in range(0, len(hashes), HASH_BYTES)]


def path_of(number: int) -> str:
    """A tile's number in a path (C2SP tlog-tiles)."""
    digits = f"{number:0{-(-len(str(number)) // 3) * 3}d}"
    groups = [digits[i : i + 3] for i in range(0, len(digits), 3)]
    return "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])


@asynccontextmanager
async def log_of(tenant: UUID, token: str | None = None) -> AsyncIterator[LogReader]:
    """In the installation of the data folder, as an operator. Raises StackError when audit cannot be read."""
    found = running.stack()
    token = token or await running.operator_token(found, "PLATFORM_ADMIN", 300)
    headers = {"Authorization": f"Bearer {token}", "Tenantry-Reason": REASON}
    async with http_client(base_url=found.url("audit"), headers=headers, timeout=30) as http:
        try:
            yield LogReader(http, tenant)
        except Unverified as error:
            raise StackError(f"NOT VERIFIED: {error}") from error
        except (httpx.HTTPError, ValueError, LookupError) as error:
            raise StackError(f"audit cannot be read: {error!r}") from error


def entry_of(record: Mapping[str, Any], index: int) -> bytes:
    """The leaf of a record. Raises Unverified where what is shown beside the leaf is not what the leaf says: readers look
    at that, and the tree covers the leaf alone.
    """
    place = f"record {index}"
    try:
        entry = base64.b64decode(record["entry"], validate=True)
        stated = _stated_by(json.loads(entry), entry, index)
        shown = {name: record[name] for name in stated}
        shown["received_at"] = datetime.fromisoformat(shown["received_at"])
    except (ValueError, KeyError, TypeError) as error:
        raise Unverified(place, "unreadable", f"it cannot be read: {error!r}") from error
    for name, value in stated.items():
        if shown[name] != value:
            kind = "missing" if name == "leaf_index" else "edited"
            raise Unverified(place, kind, f"{name} is shown as {shown[name]}, the leaf says {value}")
    return entry


def is_sealed(value: Any) -> bool:
    """An id that tells of a person is sealed in the leaf; an alias stands for it in the columns."""
    return isinstance(value, dict)


def _stated_by(said: Any, entry: bytes, index: int) -> dict[str, Any]:
    """Name of what the API shows → what it must be. Text columns hold U+FFFD where the leaf has NUL."""
    stated = {
        "leaf_index": index,
        "record_id": said["id"],
        "received_at": datetime.fromisoformat(said["received_at"]),
    }
    hashed = {"leaf_hash": leaf_hash(entry).hex()}
    if said["format"] != EVENT:
        return stated | hashed
    target_type, _, target_id = said["subject"].partition("/")
    texts = {
        "action": said["type"],
        "source": said["source"],
        "target_id": target_id,
        "target_type": target_type,
        "actor_id": said["actor"]["id"],
        "trace_id": said["trace_id"],
    }
    number = said["source_seq"]
    return {
        **stated,
        **{
            name: text and text.replace("\0", "\ufffd") for name, text in texts.items() if not is_sealed(text)
        },
        "source_seq": None if number is None else int(number),
        **hashed,
    }
