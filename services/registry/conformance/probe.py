"""Holds a product against the product contract: seeds the probe tenant, acts in it, erases it, and looks what is left.

What a product shows nowhere cannot be seen from outside: a lie that export and usage tell alike stays hidden.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from chassis.ids import uuid7
from contracts.products import PROBE_TENANT_ID, ErasureStatement, checksum_of
from contracts.registry import Verdict
from services.registry.products.client import Product, ProductClient, ProductError, ProductRefused

LIMIT_SECONDS = 20.0
NO_ACTION = "no_such_action"
MADE_UP = "made.up.token"


class Broken(Exception):
    """The product answered, and not what the contract says."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One check of the contract."""

    check: str
    held: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Report:
    """What a whole probe found."""

    verdict: Verdict
    findings: tuple[Finding, ...]

    @property
    def failed(self) -> tuple[str, ...]:
        return tuple(one.check for one in self.findings if not one.held)


@dataclass
class Probe:
    """One run against one product."""

    client: ProductClient
    product: Product
    actions: Sequence[str]
    findings: list[Finding] = field(default_factory=list)
    held: dict[str, int] = field(default_factory=dict)
    said: ErasureStatement | None = None

    async def run(self, limit: float = LIMIT_SECONDS) -> Report:
        """Raises TokenUnavailable where the issuer is down: that says nothing about the product."""
        try:
            async with asyncio.timeout(limit):
                await self._run()
        except TimeoutError:
            self.findings.append(
                Finding("time", held=False, detail=f"the whole took longer than {limit:g} s")
            )
        first = self.findings[0]
        is_there = first.check == "health" and first.held
        has_failed = any(not one.held for one in self.findings)
        verdict: Verdict = "unreachable" if not is_there else "nonconformant" if has_failed else "conformant"
        return Report(verdict, tuple(self.findings))

    async def _run(self) -> None:
        """A step without which the next ones mean nothing ends the run."""
        if not await self._check("health", self.health):
            return
        await self._check("guard", self.guard)
        if not await self._check("reset", self.reset):
            return
        await self._check("usage", self.usage)
        for action in self.actions:
            await self._check(f"action.{action}", lambda action=action: self.act(action))  # type: ignore[misc]
        await self._check("action.unknown", self.unknown_action)
        if await self._check("erasure", self.erase):
            await self._check("erasure.left", self.left)
            await self._check("erasure.again", self.erase_again)

    async def _check(self, name: str, step: Callable[[], Awaitable[str]]) -> bool:
        try:
            finding = Finding(name, held=True, detail=await step())
        except (Broken, ProductError) as error:
            finding = Finding(name, held=False, detail=str(error)[:500])
        self.findings.append(finding)
        return finding.held

    async def health(self) -> str:
        said = await self.client.health(self.product)
        if said.product != self.product.key:
            raise Broken(f"{said.product} answers in its place")
        return "it can work"

    async def guard(self) -> str:
        """No token of ours is sent that anybody else would take."""
        for token in (None, MADE_UP):
            status = await self.client.status_for(self.product, "/v1/usage", token)
            if status not in {401, 403}:
                raise Broken(f"{'no' if token is None else 'a made-up'} token was answered with {status}")
        return "callers without a good token are refused"

    async def reset(self) -> str:
        """The fixtures stand there, and a second reset gives the same."""
        first = await self.client.reset_probe(self.product)
        again = await self.client.reset_probe(self.product)
        export = await self.client.export(self.product, PROBE_TENANT_ID)
        if first.tenant_id != PROBE_TENANT_ID or not sum(first.counts.values()):
            raise Broken("the probe tenant was given no fixtures")
        if (first.counts, first.checksum) != (again.counts, again.checksum):
            raise Broken("two resets give different fixtures")
        if export.checksum != checksum_of(export.collections):
            raise Broken("the export's checksum is not that of its collections")
        if (export.counts, export.checksum) != (nonzero(first.counts), first.checksum):
            raise Broken(f"reset says {first.counts}, the export shows {export.counts}")
        return f"{sum(first.counts.values())} records are restored and exported"

    async def usage(self) -> str:
        metrics = await self.client.usage(self.product, PROBE_TENANT_ID)
        return f"{len(metrics)} metrics are told"

    async def act(self, action: str) -> str:
        """Twice under one id, which acts once."""
        id_ = uuid7()
        answers = [
            await self.client.act(self.product, PROBE_TENANT_ID, action, id_, "conformance") for _ in range(2)
        ]
        if answers[0] != answers[1]:
            raise Broken("the same action_id is answered in two ways")
        return answers[0].detail

    async def unknown_action(self) -> str:
        try:
            await self.client.act(self.product, PROBE_TENANT_ID, NO_ACTION, uuid7(), "conformance")
        except ProductRefused:
            return "an action that the manifest does not name is refused"
        raise Broken("an action that the manifest does not name was taken")

    async def erase(self) -> str:
        """What it says that it erased and retains is what it held."""
        self.held = (await self.client.export(self.product, PROBE_TENANT_ID)).counts
        if not self.held:
            raise Broken("nothing is left to erase after the actions")
        self.said = await self.client.erase(self.product, PROBE_TENANT_ID)
        told = nonzero(self.said.erased)
        for one in self.said.retained:
            if one.count:
                told[one.collection] = told.get(one.collection, 0) + one.count
        if told != self.held:
            raise Broken(f"it held {self.held} and says that it erased or retains {told}")
        return f"{sum(self.said.erased.values())} records are said to be erased"

    async def left(self) -> str:
        """Only what it says that it retains."""
        assert self.said is not None  # noqa: S101  # `erase` held
        allowed = {one.collection: one.count for one in self.said.retained if one.count}
        export = await self.client.export(self.product, PROBE_TENANT_ID)
        if export.counts != allowed:
            raise Broken(f"after the erasure it still holds {export.counts}, of which {allowed} is declared")
        metrics = nonzero(await self.client.usage(self.product, PROBE_TENANT_ID))
        if metrics:
            raise Broken(f"after the erasure it still counts {metrics}")
        return "nothing is left" if not allowed else f"left, as declared: {allowed}"

    async def erase_again(self) -> str:
        """Who lost the first answer gets it."""
        again = await self.client.erase(self.product, PROBE_TENANT_ID)
        if again != self.said:
            raise Broken("erasing again with nothing new is answered with another statement")
        return "erasing again gives the same statement"


def nonzero(counts: dict[str, int]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count}
