"""The issuer's key and the tokens that it signs, in the shape of Keycloak 26 with Organizations."""

import json
import uuid
from contextlib import closing
from pathlib import Path
from typing import Any, Self

from joserfc import jwt
from joserfc.jwk import ECKey

from tenantry.issuer.state import State

AUDIENCES = {"desktop": ["bff", "registry"], "operator": ["registry", "bff", "audit", "sync", "notifier"]}


class Signer:
    """Signs with one ES256 key, made on first start and kept."""

    def __init__(self, state: State, issuer: str) -> None:
        self.issuer = issuer
        kept = state.get("key", "signing")
        if kept is None:
            kept = dict(ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}).as_dict(private=True))
            kept["kid"] = uuid.uuid4().hex
            state.put("key", "signing", kept)
        self._key = ECKey.import_key(kept)
        self._kid = str(kept["kid"])

    @classmethod
    def kept_in(cls, file: Path, issuer: str) -> Self:
        """The signer whose key an issuer keeps in `file`."""
        with closing(State(file)) as state:
            return cls(state, issuer)

    def jwks(self) -> dict[str, Any]:
        return {
            "keys": [{**self._key.as_dict(private=False), "kid": self._kid, "use": "sig", "alg": "ES256"}]
        }

    def sign(self, claims: dict[str, Any], now: float, seconds: int) -> str:
        """An access token (RFC 9068)."""
        header = {"alg": "ES256", "typ": "at+jwt", "kid": self._kid}
        full = {
            "iss": self.issuer,
            "iat": int(now),
            "exp": int(now) + seconds,
            "jti": uuid.uuid4().hex,
            **claims,
        }
        return jwt.encode(header, full, self._key)


def member_claims(member: dict[str, Any], organisation: dict[str, Any]) -> dict[str, Any]:
    """What a token says of a member and of its organisation."""
    attributes = {name: [str(item) for item in values] for name, values in organisation["attributes"].items()}
    return {
        "sub": member["id"],
        "email": member["email"],
        "name": member["name"],
        "locale": member["locale"],
        "organization": {organisation["alias"]: {"id": organisation["id"], **attributes}},
        "groups": [f"/{role}" for role in member["org_roles"]],
        "backoffice_roles": member["backoffice_roles"],
        "properties": member["properties"],
        "realm_access": {"roles": []},
    }


def public_key(text: str) -> ECKey:
    return ECKey.import_key(json.loads(text))
