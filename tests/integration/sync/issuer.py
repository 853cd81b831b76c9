"""A small OIDC issuer on loopback: discovery and keys over real HTTP, and tokens signed with that key."""

import json
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey


class Issuer:
    """Signs tokens; what it publishes is read by `chassis.issuer_keys`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._key = ECKey.generate_key("P-256")

    def documents(self) -> dict[str, Any]:
        """Path → what is served there."""
        return {
            "/.well-known/openid-configuration": {"issuer": self.url, "jwks_uri": f"{self.url}/jwks"},
            "/jwks": {
                "keys": [{**self._key.as_dict(private=False), "kid": "k1", "use": "sig", "alg": "ES256"}]
            },
        }

    def token(self, *, service: str | None = "bff", audience: str = "sync", seconds: int = 300) -> str:
        now = int(time.time())
        roles = [f"service:{service}"] if service else []
        claims = {
            "iss": self.url,
            "sub": f"service-{service}",
            "aud": [audience],
            "iat": now,
            "exp": now + seconds,
            "jti": uuid.uuid4().hex,
            "realm_access": {"roles": roles},
        }
        return jwt.encode({"alg": "ES256", "typ": "at+jwt", "kid": "k1"}, claims, self._key)


@contextmanager
def serving() -> Iterator[Issuer]:
    """An issuer that answers until the end of the block."""
    documents: dict[str, Any] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = documents.get(self.path)
            self.send_response(200 if found else 404)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(found).encode())

        def log_message(self, *_: Any) -> None:
            """Tests are quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        issuer = Issuer(f"http://127.0.0.1:{server.server_port}")
        documents.update(issuer.documents())
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield issuer
        server.shutdown()
        thread.join()
