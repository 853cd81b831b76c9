"""Reports what was used: sealed into batches first, then sent until the registry has taken each."""

import asyncio

import httpx
import structlog

from chassis.service_tokens import ServiceTokens, TokenUnavailable
from products.state import State

log = structlog.get_logger(__name__)
AT_ONCE = 50


class UsageReporter:
    """A background part. A batch keeps its id over restarts, so that a lost answer counts nothing twice."""

    name = "usage-reporter"

    def __init__(
        self, state: State, registry_url: str, tokens: ServiceTokens, http: httpx.AsyncClient, *, every: float
    ) -> None:
        self._state = state
        self._url = f"{registry_url.rstrip('/')}/internal/usage"
        self._tokens = tokens
        self._http = http
        self._every = every

    async def run(self) -> None:
        while True:
            try:
                await self.report()
            except (httpx.HTTPError, TokenUnavailable) as error:
                log.warning("usage.waiting", error=repr(error))
            await asyncio.sleep(self._every)

    async def report(self) -> None:
        """Everything that is known now. Raises httpx.HTTPError and TokenUnavailable with the rest still kept."""
        self._state.seal()
        for batch in self._state.batches(AT_ONCE):
            answer = await self._http.post(self._url, json=batch, auth=self._tokens.auth("registry"))
            if answer.status_code in {404, 422}:  # the tenant is gone, or this can never be counted
                log.error("usage.refused", batch_id=batch["batch_id"], status=answer.status_code)
            else:
                answer.raise_for_status()
            self._state.reported(batch["batch_id"])
