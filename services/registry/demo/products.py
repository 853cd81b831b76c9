"""Products behind one small interface: each puts its part of the demo tenant back and says what is there now."""

import asyncio
from typing import Annotated, Protocol

import httpx
from pydantic import BaseModel, Field, ValidationError

from chassis.db import Database
from chassis.errors import Transient
from chassis.service_tokens import ServiceTokens
from services.registry.catalogue.manifest import manifest_of
from services.registry.catalogue.store import queries as catalogue
from services.registry.demo.model import Restored

PATH = "/v1/tenants/demo/reset"
SECONDS = 30.0
MOST_ANSWER_BYTES = 65_536


class ProductUnavailable(Transient):
    """The product did not answer in time, or with something that is no answer."""


class Answer(BaseModel):
    """What a product says after its reset; foreign fields are ignored."""

    counts: Annotated[
        dict[Annotated[str, Field(max_length=100)], Annotated[int, Field(ge=0, strict=True)]],
        Field(max_length=100),
    ]
    checksum: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class DemoProducts(Protocol):
    """`reset` may be called again, also while an earlier call is still running. Raises ProductUnavailable."""

    async def reset(self, key: str) -> Restored: ...


class HttpProducts:
    """Products at the `api_base` of their manifests, with a service token for each."""

    def __init__(self, database: Database, tokens: ServiceTokens, *, seconds: float = SECONDS) -> None:
        self._database = database
        self._tokens = tokens
        self._seconds = seconds

    async def reset(self, key: str) -> Restored:
        async with self._database.platform_reading() as tx:
            row = await catalogue.product_by_key(tx, key=key)
        base = None if row is None else manifest_of(row).api_base
        if base is None:
            raise ProductUnavailable(f"{key}: its manifest names no api_base")
        try:
            async with asyncio.timeout(self._seconds):
                answer = Answer.model_validate_json(await self._post(key, f"{base.rstrip('/')}{PATH}"))
        except (httpx.HTTPError, TimeoutError, ValidationError) as error:
            # Its type only: the text goes into an event, and may quote what a stranger sent.
            raise ProductUnavailable(f"{key}: {type(error).__name__}") from error
        return Restored(answer.counts, answer.checksum)

    async def _post(self, key: str, url: str) -> bytes:
        """The body, if it is a success of a bearable size."""
        found = bytearray()
        async with (
            httpx.AsyncClient(auth=self._tokens.auth(key), timeout=self._seconds, trust_env=False) as http,
            http.stream("POST", url, json={}) as answer,
        ):
            if answer.status_code != httpx.codes.OK:
                raise ProductUnavailable(f"{key}: answered {answer.status_code}")
            async for part in answer.aiter_bytes():
                found += part
                if len(found) > MOST_ANSWER_BYTES:
                    raise ProductUnavailable(f"{key}: answered more than {MOST_ANSWER_BYTES} bytes")
        return bytes(found)
