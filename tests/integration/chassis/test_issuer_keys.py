"""An issuer's keys over real HTTP: a new one is found, a withdrawn one ends, and no caller can make us ask too often."""

import asyncio
from collections.abc import Iterator

import pytest
from joserfc.jwk import ECKey

from chassis.auth import TokenVerifier
from chassis.clock import SystemClock
from chassis.errors import Unauthorized
from chassis.issuer_keys import IssuerKeys, IssuerUnavailable
from tests.infra import eventually
from tests.integration.chassis.small_issuer import Issuer, serving


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with serving() as found:
        yield found


def verifier_of(issuer: Issuer, **seconds: float) -> TokenVerifier:
    return TokenVerifier(issuer.url, "bff", SystemClock(), IssuerKeys(issuer.url, **seconds))


async def test_a_warm_token_reads_no_key_and_a_new_key_is_found_by_its_id(issuer: Issuer) -> None:
    verifier = verifier_of(issuer, pause=0)
    token = issuer.token("k1")
    for _ in range(20):
        await verifier.verify(token)
    assert issuer.reads == 1
    issuer.add("k2")
    assert (await verifier.verify(issuer.token("k2"))).sub == "m"
    assert (await verifier.verify(token)).token_id == "k1", "the old one is still published"
    assert issuer.reads == 2


async def test_unknown_key_ids_lead_to_one_look_at_the_issuer(issuer: Issuer) -> None:
    verifier, stranger = verifier_of(issuer), ECKey.generate_key("P-256")

    async def is_refused(number: int) -> bool:
        with pytest.raises(Unauthorized):
            await verifier.verify(issuer.token(f"unknown-{number}", stranger))
        return True

    assert all(await asyncio.gather(*(is_refused(number) for number in range(50))))
    assert issuer.reads == 1


async def test_tokens_of_a_withdrawn_key_end_though_they_are_remembered(issuer: Issuer) -> None:
    verifier = verifier_of(issuer, fresh=0.05, pause=0)
    token = issuer.token("k1")
    await verifier.verify(token)
    issuer.add("k2")
    del issuer.keys["k1"]

    async def is_refused() -> bool:
        try:
            await verifier.verify(token)
        except Unauthorized:
            return True
        return False

    await eventually(is_refused, what="the end of the withdrawn key")
    assert (await verifier.verify(issuer.token("k2"))).sub == "m"


async def test_while_the_issuer_is_down_known_keys_go_on_and_unknown_ones_wait(issuer: Issuer) -> None:
    verifier = verifier_of(issuer, fresh=0.0, pause=0)
    token = issuer.token("k1")
    await verifier.verify(token)
    issuer.is_up = False
    for _ in range(20):
        await verifier.verify(token)
        await asyncio.sleep(0)
    with pytest.raises(IssuerUnavailable):
        await verifier.verify(issuer.token("k2", ECKey.generate_key("P-256")))
