"""Loaded by Schemathesis: calls each endpoint as somebody who may, so that more than the token is looked at."""

import json
import os
from typing import Any

import schemathesis
from joserfc.jwk import ECKey
from schemathesis import AuthContext, Case, HookContext

from desktop.proofs import Proofs

TOKENS: dict[str, str] = json.loads(os.environ["TENANTRY_TEST_TOKENS"])
"""The start of a path → the access token to use; the longest that fits."""
PROOFS = Proofs(ECKey.import_key(json.loads(os.environ["TENANTRY_TEST_DEVICE_KEY"])))


def token_for(path: str) -> str:
    return TOKENS[max((start for start in TOKENS if path.startswith(start)), key=len)]


@schemathesis.auth(refresh_interval=None)
class Caller:
    """A proof is good once, so every request gets its own headers."""

    def get(self, case: Case[Any], context: AuthContext) -> dict[str, str]:  # noqa: ARG002  # their signature
        token = token_for(case.path)
        if case.path.startswith("/publisher/"):
            return {"Authorization": f"token={token}"}
        if not case.path.startswith("/bff/"):
            return {"Authorization": f"Bearer {token}"}
        url = f"{case.operation.base_url.rstrip('/')}{case.formatted_path}"
        return {"Authorization": f"DPoP {token}", "DPoP": PROOFS.proof(case.method, url, token)}

    def set(self, case: Case[Any], data: dict[str, str], context: AuthContext) -> None:  # noqa: ARG002  # same
        case.headers.update(data)


@schemathesis.hook
def after_call(context: HookContext, case: Case[Any], response: Any) -> None:
    """The BFF tells its nonce with every answer."""
    given = {name: values[0] for name, values in response.headers.items()}
    PROOFS.learn(case.operation.base_url, given)
