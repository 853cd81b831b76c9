"""The door and clients that others wrote: the libraries `dpop` and `oauth4webapi` in Node drive a running bff."""

import asyncio
import json
from typing import Any, cast

import pytest
from joserfc.jwk import ECKey, OKPKey

from tests.integration.bff.conftest import NewDesk
from tests.integration.bff.desk import Desk
from tests.integration.bff.stage import BASE, Bff
from tests.node.running import told_by

pytestmark = pytest.mark.node
PROOF, TOKEN, NONCE = "invalid_dpop_proof", "invalid_token", "use_dpop_nonce"
REFUSED = {
    "the same proof again": (PROOF, "replay"),
    "another method": (PROOF, "htm"),
    "another address": (PROOF, "htu"),
    "no hash of the token": (PROOF, "ath"),
    "another token's hash": (PROOF, "ath"),
    "another key": (TOKEN, "binding"),
    "an algorithm that is not taken": (PROOF, "alg"),
    "no nonce": (NONCE, "iat"),
    "a nonce of its own": (NONCE, "nonce"),
    "no proof": (PROOF, "count"),
    "as Bearer": (TOKEN, "scheme"),
}


def key_for(alg: str) -> ECKey:
    if alg == "Ed25519":
        return cast("ECKey", OKPKey.generate_key("Ed25519"))  # all that a desk does with it here is the same
    return ECKey.generate_key({"ES256": "P-256", "ES384": "P-384"}[alg])


async def told(script: str, desk: Desk, **about: str) -> Any:
    given = {"jwk": desk.key.as_dict(private=True), "token": desk.token(), **about}
    return await asyncio.to_thread(told_by, script, given=json.dumps(given))


@pytest.mark.parametrize("alg", ["ES256", "Ed25519"])
async def test_the_library_dpop_is_let_in_and_each_of_its_mistakes_is_named(
    large: Bff, new_desk: NewDesk, alg: str
) -> None:
    desk = await new_desk(key=key_for(alg))
    url = f"{large.api}{BASE}/bootstrap"
    found = await told("dpop.mjs", desk, alg=alg, url=url, other=desk.token())
    assert found["thumbprint"] == desk.jkt
    assert found["turns"] == [401, 200, 200, 200, 200, 200], "asked for a nonce once"
    assert found["refused"] == {
        name: {"status": 401, "error": error, "reason": reason} for name, (error, reason) in REFUSED.items()
    }


@pytest.mark.parametrize("alg", ["ES256", "ES384", "Ed25519"])
async def test_the_library_oauth4webapi_understands_every_answer(
    large: Bff, new_desk: NewDesk, alg: str
) -> None:
    desk = await new_desk(key=key_for(alg))
    found = await told("oauth4webapi.mjs", desk, alg=alg, api=f"{large.api}{BASE}")
    assert found["thumbprint"] == desk.jkt
    assert (found["turns"], found["challenged"]) == ([200, 201, 200], 1)
