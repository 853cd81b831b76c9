"""An OIDC issuer of the test's own: discovery and keys over HTTP on loopback, tokens with whatever claims a test needs."""

import time
import uuid
from typing import Any
from uuid import UUID

from fastapi import FastAPI
from joserfc import jwt
from joserfc.jwk import ECKey

from chassis.runtime import HttpServer
from tests.ports import free_port


class TestIssuer:
    """Signs with one key that it publishes."""

    __test__ = False

    def __init__(self) -> None:
        self.port = free_port()
        self.origin = f"http://127.0.0.1:{self.port}"
        self.key = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256", "kid": "key-1"})

    def server(self) -> HttpServer:
        app = FastAPI()

        @app.get("/.well-known/openid-configuration")
        async def discovery() -> dict[str, Any]:
            return {"issuer": self.origin, "jwks_uri": f"{self.origin}/jwks"}

        @app.get("/jwks")
        async def jwks() -> dict[str, Any]:
            return {"keys": [self.key.as_dict(private=False)]}

        return HttpServer(app, "127.0.0.1", self.port, name="issuer")

    def token(self, *, key: ECKey | None = None, **claims: Any) -> str:
        """An access token for audit; `claims` replace or add."""
        now = int(time.time())
        told = {
            "iss": self.origin,
            "sub": "someone",
            "aud": ["audit"],
            "iat": now,
            "exp": now + 300,
            "jti": uuid.uuid4().hex,
        }
        header = {"alg": "ES256", "typ": "at+jwt", "kid": "key-1"}
        return jwt.encode(header, told | claims, key or self.key)

    def operator(self, role: str = "PLATFORM_ADMIN", *, is_told: bool = True) -> dict[str, str]:
        """The headers of one of our own staff, who says why."""
        headers = bearer(self.token(realm_access={"roles": [role]}))
        return {**headers, "Tenantry-Reason": "A test looks at it"} if is_told else headers

    def member(self, tenant_id: UUID, role: str = "LEGAL") -> dict[str, str]:
        """The headers of a member of this tenant."""
        organisation = {"acme": {"id": "org-1", "tenant_id": [str(tenant_id)]}}
        return bearer(self.token(organization=organisation, groups=[f"/{role}"]))


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
