"""Asking the running service for an export, and what comes of it."""

import io
import json
import uuid
import zipfile
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx

from tests.infra import eventually
from tests.integration.audit.tokens import TestIssuer

DONE = {"ready", "failed", "expired"}


@dataclass
class Asker:
    """A member of a tenant with a role that may ask."""

    http: httpx.AsyncClient
    issuer: TestIssuer
    tenant: UUID
    role: str = "LEGAL"
    language: str = "en"
    headers: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.headers = self.issuer.member(self.tenant, self.role) | {"Accept-Language": self.language}

    @property
    def place(self) -> str:
        return f"/v1/tenants/{self.tenant}/audit/exports"

    async def post(self, key: str = "", **body: Any) -> httpx.Response:
        headers = {**self.headers, "Idempotency-Key": key or uuid.uuid4().hex}
        return await self.http.post(self.place, json=body, headers=headers)

    async def show(self, export_id: str) -> dict[str, Any]:
        answer = await self.http.get(f"{self.place}/{export_id}", headers=self.headers)
        assert answer.status_code == 200, answer.text
        shown: dict[str, Any] = answer.json()
        return shown

    async def finished(self, export_id: str, limit: float = 60) -> dict[str, Any]:
        found: dict[str, Any] = {}

        async def is_done() -> bool:
            found.update(await self.show(export_id))
            return found["state"] in DONE

        await eventually(is_done, limit, f"the export {export_id}")
        return found

    async def exported(self, **body: Any) -> dict[str, Any]:
        """Ask, and wait until it is ready."""
        answer = await self.post(**body)
        assert answer.status_code == 202, answer.text
        found = await self.finished(answer.json()["export_id"])
        assert found["state"] == "ready", found
        return found

    async def files(self, **body: Any) -> dict[str, bytes]:
        """The files of an export that is asked for with this body."""
        return unpacked((await self.fetch(await self.exported(**body))).content)

    async def fetch(self, found: dict[str, Any], **headers: str) -> httpx.Response:
        """By the link, without a token."""
        return await self.http.get(path_of(found["link"]), headers=headers)


def path_of(link: str) -> str:
    return "/v1/audit/exports/" + link.rpartition("/")[2]


def unpacked(archive: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as found:
        assert found.testzip() is None
        return {name: found.read(name) for name in found.namelist()}


def manifest_of(files: dict[str, bytes]) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(files["manifest.json"])
    return told
