"""Keyset pages: an opaque page token says after which row to go on, signed and bound to the filter it was made for."""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

import orjson
from fastapi import Depends, Query, Request, Response

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


class PageAsked:
    """What a caller asks of a list: where to go on, and for how many."""

    def __init__(
        self,
        request: Request,
        response: Response,
        page_size: Annotated[int, Query(ge=1, le=MOST)] = DEFAULT_SIZE,
        page_token: Annotated[str | None, Query(max_length=500)] = None,
    ) -> None:
        self.request = request
        self.response = response
        self.size = page_size
        self.token = page_token


Paged = Annotated[PageAsked, Depends()]
"""A parameter of every endpoint that answers a list by pages."""


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

    def open(self, asked: PageAsked, scope: Mapping[str, Any], *key: str) -> "Listing":
        """The page that is asked for, of rows in the order of the columns `key`. Raises PageTokenInvalid."""
        after = self.read(scope, asked.token) if asked.token else [None] * len(key)
        return Listing(self, asked, scope, dict(zip(key, after, strict=True)))

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


@dataclass(frozen=True, slots=True)
class Listing:
    """One page while it is being answered."""

    tokens: PageTokens
    asked: PageAsked
    scope: Mapping[str, Any]
    after: Mapping[str, Any]
    """The key of the last row that the caller has; on the first page each part of it is None."""

    @property
    def most(self) -> int:
        """So many rows are to be read: the one more says that there is a next page."""
        return self.asked.size + 1

    def answer(self, name: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """The body, with the rows under `name`; the address of the next page is put into the headers."""
        page = self.tokens.page(rows, self.asked.size, self.scope, list(self.after))
        link_next(self.asked.request, self.asked.response, page.next_page_token)
        return {name: page.items, "next_page_token": page.next_page_token}


def link_next(request: Request, response: Response, token: str | None) -> None:
    """`Link: <…>; rel="next"` (RFC 8288): this request's address with the next token."""
    if token is None:
        return
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "page_token"]
    query = urlencode([*kept, ("page_token", token)])
    response.headers["Link"] = f'<{request.url.path}?{query}>; rel="next"'
