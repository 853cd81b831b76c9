"""A small issuer: keys over real HTTP, tokens of them, and a count of how often the keys are read."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey


class Issuer:
    """Publishes the keys that it has at the moment; counts how often they are read."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.keys: dict[str, ECKey] = {}
        self.reads = 0
        self.is_up = True
        self.add("k1")

    def add(self, kid: str) -> None:
        self.keys[kid] = ECKey.generate_key("P-256")

    def answer(self, path: str) -> Any:
        if not self.is_up:
            return None
        if path == "/jwks":
            self.reads += 1
            return {"keys": [{**key.as_dict(private=False), "kid": kid} for kid, key in self.keys.items()]}
        return {"issuer": self.url, "jwks_uri": f"{self.url}/jwks"}

    def token(self, kid: str, key: ECKey | None = None, **about: Any) -> str:
        claims = {"iss": self.url, "sub": "m", "aud": ["bff"], "exp": int(time.time()) + 900, "jti": kid}
        return jwt.encode({"alg": "ES256", "kid": kid}, {**claims, **about}, key or self.keys[kid])


@contextmanager
def serving() -> Iterator[Issuer]:
    """An issuer that answers until the end of the block."""
    found: list[Issuer] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            said = found[0].answer(self.path)
            self.send_response(503 if said is None else 200)
            self.end_headers()
            self.wfile.write(json.dumps(said).encode())

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found.append(Issuer(server.server_port))
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield found[0]
        server.shutdown()
        thread.join()
