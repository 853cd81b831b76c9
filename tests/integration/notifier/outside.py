"""What the notifier asks over HTTP: an issuer that signs real tokens, and the registry's directory."""

import asyncio
import time
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

from joserfc import jwt
from joserfc.jwk import ECKey

from tests.integration.notifier.peer import Peer, Request, json_response

KID = "k1"


class Issuer:
    """Discovery, keys and `client_credentials` on loopback; `token` signs whatever claims a test wants."""

    def __init__(self) -> None:
        self.peer = Peer(answer=self._answer)
        self._key = ECKey.generate_key("P-256", {"kid": KID, "use": "sig", "alg": "ES256"})
        self.asked: list[dict[str, list[str]]] = []

    @property
    def url(self) -> str:
        return self.peer.origin

    def token(self, **claims: Any) -> str:
        now = int(time.time())
        told = {"iss": self.url, "aud": ["notifier"], "sub": "someone", "jti": uuid.uuid4().hex}
        return jwt.encode({"alg": "ES256", "kid": KID}, {**told, "exp": now + 300, **claims}, self._key)

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> None:
        if request.path == "/token":
            self.asked.append(parse_qs(request.body.decode()))
            told: Any = {"access_token": self.token(aud=["registry"]), "expires_in": 300}
        elif request.path == "/.well-known/openid-configuration":
            told = {"issuer": self.url, "jwks_uri": f"{self.url}/jwks"}
        else:
            told = {"keys": [self._key.as_dict(private=False)]}
        writer.write(json_response(told))


@dataclass
class Registry:
    """The directory as the registry answers it; a test changes people, status and name at will."""

    name: str = "Acme & Sons"
    status: str = "active"
    known: bool = True
    recipients: list[dict[str, Any]] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)
    """Fields that a newer registry adds to every object."""

    def __post_init__(self) -> None:
        self.peer = Peer(answer=self._answer)

    def add(self, email: str, locale: str = "en", name: str = "Ada", member_id: str | None = None) -> str:
        member_id = member_id or uuid.uuid4().hex
        self.recipients.append(
            {"member_id": member_id, "email": email, "name": name, "locale": locale, **self.more}
        )
        return member_id

    @property
    def asked(self) -> list[str]:
        return [request.path for request in self.peer.requests]

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> None:
        if not self.known:
            problem = {
                "status": 404,
                "code": "REGISTRY.TENANT_NOT_FOUND",
                "detail": "there is no such tenant",
            }
            writer.write(json_response(problem, 404))
        elif "/recipients" in request.path:
            writer.write(json_response({"recipients": self.recipients, **self.more}))
        else:
            writer.write(json_response({"name": self.name, "status": self.status, **self.more}))


def admin_of(tenant_id: UUID, *roles: str) -> dict[str, Any]:
    """Claims of a member of one tenant."""
    return {
        "organization": {"acme": {"id": "o1", "tenant_id": [str(tenant_id)]}},
        "groups": [f"/{role}" for role in roles],
    }
