"""Keyset pages: an opaque page token says after which row to go on, signed and bound to the filter it was made for."""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import orjson
from fastapi import Request, Response

from chassis.errors import DomainError
from chassis.proof_keys import b64url, b64url_bytes

DEFAULT_SIZE = 50
MOST = 200
MAC_BYTES = 16


class PageTokenInvalid(DomainError):
    """Not ours, changed on the way, or made for another list or filter."""

    code = "CHASSIS.PAGE_TOKEN_INVALID"
    status = 400


@dataclass(frozen=True, slots=True)
class Page:
    """What to put into the answer."""

    items: Sequence[Any]
    next_page_token: str | None


class PageTokens:
    """One per service; the secret is shared by its processes."""

    def __init__(self, secret: bytes) -> None:
        self._secret = hmac.digest(secret, b"tenantry page tokens", "sha256")

    def issue(self, scope: Mapping[str, Any], after: Sequence[Any]) -> str:
        """`scope` is what the list is: its name, tenant and filters. `after` is the last row's key (JSON values)."""
        body = orjson.dumps(list(after))
        return b64url(self._mac(scope, body) + body)

    def read(self, scope: Mapping[str, Any], token: str) -> list[Any]:
        """The key after which to go on. Raises PageTokenInvalid."""
        try:
            raw = b64url_bytes(token)
        except ValueError as error:
            raise PageTokenInvalid("page_token: not one of ours") from error
        mac, body = raw[:MAC_BYTES], raw[MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(scope, body)):
            raise PageTokenInvalid("page_token: not ours, or made for another filter; begin without it")
        after: list[Any] = orjson.loads(body)
        return after

    def page(
        self, rows: Sequence[Mapping[str, Any]], size: int, scope: Mapping[str, Any], key: Sequence[str]
    ) -> Page:
        """Of `size + 1` rows asked for, `size` are shown; the one more says that there is a next page."""
        shown = rows[:size]
        more = len(rows) > size
        return Page(shown, self.issue(scope, [shown[-1][name] for name in key]) if more else None)

    def _mac(self, scope: Mapping[str, Any], body: bytes) -> bytes:
        bound = orjson.dumps(scope, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
        framed = len(bound).to_bytes(4, "big") + bound + body
        return hmac.digest(self._secret, framed, "sha256")[:MAC_BYTES]


def link_next(request: Request, response: Response, token: str | None) -> None:
    """`Link: <…>; rel="next"` (RFC 8288): this request's address with the next token."""
    if token is None:
        return
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "page_token"]
    query = urlencode([*kept, ("page_token", token)])
    response.headers["Link"] = f'<{request.url.path}?{query}>; rel="next"'
