"""Page tokens are opaque, ours, and good for one list and filter only."""

import pytest
from fastapi import Request, Response

from chassis.pages import MAC_BYTES, PageAsked, PageTokenInvalid, PageTokens, link_next
from chassis.proof_keys import b64url, b64url_bytes

TOKENS = PageTokens(b"secret")
SCOPE = {"list": "deliveries", "tenant": "t-1", "status": None}


def test_a_token_gives_back_where_to_go_on() -> None:
    assert TOKENS.read(SCOPE, TOKENS.issue(SCOPE, ["2030-01-01", 7])) == ["2030-01-01", 7]


@pytest.mark.parametrize(
    "other", [{**SCOPE, "tenant": "t-2"}, {**SCOPE, "status": "failed"}, {**SCOPE, "list": "mails"}, {}]
)
def test_a_token_of_another_list_or_filter_is_refused(other: dict[str, object]) -> None:
    with pytest.raises(PageTokenInvalid):
        TOKENS.read(other, TOKENS.issue(SCOPE, [1]))


def test_a_token_of_another_secret_is_refused() -> None:
    with pytest.raises(PageTokenInvalid):
        PageTokens(b"other").read(SCOPE, TOKENS.issue(SCOPE, [1]))


@pytest.mark.parametrize("token", ["", "x", "%%%", "ü", "AAAA" * 10, b64url(b"[1]")])
def test_a_stranger_is_refused(token: str) -> None:
    with pytest.raises(PageTokenInvalid):
        TOKENS.read(SCOPE, token)


def test_a_token_changed_anywhere_is_refused() -> None:
    raw = b64url_bytes(TOKENS.issue(SCOPE, [12]))
    for place in range(len(raw)):
        changed = bytearray(raw)
        changed[place] ^= 1
        with pytest.raises(PageTokenInvalid):
            TOKENS.read(SCOPE, b64url(bytes(changed)))
    assert len(raw) > MAC_BYTES


def test_bytes_cannot_move_between_scope_and_key() -> None:
    with pytest.raises(PageTokenInvalid):
        TOKENS.read({"a": 12}, TOKENS.issue({"a": 1}, [2]))


def test_one_row_more_means_a_next_page() -> None:
    rows = [{"id": number} for number in range(4)]
    page = TOKENS.page(rows, 3, SCOPE, ["id"])
    assert page.items == rows[:3]
    assert page.next_page_token is not None
    assert TOKENS.read(SCOPE, page.next_page_token) == [2]
    assert TOKENS.page(rows[:3], 3, SCOPE, ["id"]).next_page_token is None
    assert TOKENS.page([], 3, SCOPE, ["id"]).items == []


def test_the_link_keeps_the_filter() -> None:
    scope = {"type": "http", "path": "/v1/x", "query_string": b"a=1&page_token=old&a=2", "headers": [],
             "server": ("test", 80), "scheme": "http"}  # fmt: skip
    response = Response()
    link_next(Request(scope), response, "new")
    assert response.headers["link"] == '</v1/x?a=1&a=2&page_token=new>; rel="next"'
    silent = Response()
    link_next(Request(scope), silent, None)
    assert "link" not in silent.headers


def asked_for(size: int, token: str | None) -> PageAsked:
    scope = {"type": "http", "path": "/v1/x", "query_string": b"a=1", "headers": [],
             "server": ("test", 80), "scheme": "http"}  # fmt: skip
    return PageAsked(Request(scope), Response(), size, token)


def test_a_list_is_told_page_by_page() -> None:
    rows = [{"kind": "k", "id": number} for number in range(5)]
    told: list[dict[str, object]] = []
    tokens: list[str | None] = []
    token = None
    while token is not None or not tokens:
        asked = asked_for(2, token)
        page = TOKENS.open(asked, SCOPE, "kind", "id")
        assert page.after == ({"kind": "k", "id": told[-1]["id"]} if told else {"kind": None, "id": None})
        answer = page.answer("things", rows[len(told) : len(told) + page.most])
        told += answer["things"]
        token = answer["next_page_token"]
        tokens.append(token)
        assert ("link" in asked.response.headers) == (token is not None)
    assert (told, len(tokens)) == (rows, 3)


def test_a_list_begins_without_a_token() -> None:
    for token in (None, ""):
        assert TOKENS.open(asked_for(2, token), SCOPE, "id").after == {"id": None}
    with pytest.raises(PageTokenInvalid):
        TOKENS.open(asked_for(2, "x"), SCOPE, "id")
