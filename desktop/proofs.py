"""DPoP proofs (RFC 9449) with the server's nonces and a clock that may be wrong.

Desktops in hotels have bad clocks: `iat` is computed from the offset learnt from the `Date` of issuer and BFF.
"""

import base64
import hashlib
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey


def b64url(data: bytes) -> str:
    """Base64url without padding (RFC 7515, appendix C)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


class Proofs:
    """Makes one proof per request; remembers the latest nonce of each origin and the offset of this machine's clock."""

    def __init__(self, key: ECKey) -> None:
        self.key = key
        self.jwk = key.as_dict(private=False)
        self.jkt = key.thumbprint()
        self.clock_offset = 0.0
        """Seconds to add to the local clock to get the server's."""
        self._nonces: dict[str, str] = {}

    def now(self) -> float:
        """The server's time as well as this desktop knows it, in seconds since 1970."""
        return time.time() + self.clock_offset

    def proof(self, method: str, url: str, access_token: str | None = None) -> str:
        """A compact JWS for one request (RFC 9449 §4.2); `ath` is added where a token goes with it."""
        claims: dict[str, object] = {
            "jti": uuid.uuid4().hex,
            "htm": method.upper(),
            "htu": url.split("?", 1)[0].split("#", 1)[0],
            "iat": int(self.now()),
        }
        if nonce := self._nonces.get(origin_of(url)):
            claims["nonce"] = nonce
        if access_token is not None:
            claims["ath"] = b64url(hashlib.sha256(access_token.encode("ascii")).digest())
        header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk}
        return jwt.encode(header, claims, self.key)

    def learn(self, url: str, headers: Mapping[str, str]) -> None:
        """Take nonce and time from an answer of the server at `url`."""
        if nonce := headers.get("dpop-nonce"):
            self._nonces[origin_of(url)] = nonce
        if date := headers.get("date"):
            self.clock_offset = (parsedate_to_datetime(date) - datetime.now(UTC)).total_seconds()
