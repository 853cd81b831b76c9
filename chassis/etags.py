"""Strong ETags of row versions; changes must name the version that they were made for (RFC 9110 §13.1.1)."""

from typing import Annotated

from fastapi import Depends, Header, Request

from chassis.errors import DomainError


class PreconditionRequired(DomainError):
    """A change without `If-Match`, or with one that names no version (RFC 6585 §3)."""

    code = "CHASSIS.PRECONDITION_REQUIRED"
    status = 428


class Stale(DomainError):
    """Somebody else changed it since the caller read it."""

    code = "CHASSIS.STALE"
    status = 412


async def declared(
    if_match: Annotated[
        str | None, Header(description="The ETag that was read; `*` is refused", examples=['"3"'])
    ] = None,  # checked by `require_match`; declared so that the document tells it
) -> None:
    del if_match


IfMatch = Annotated[None, Depends(declared)]
"""A parameter of every route that changes something which has an ETag."""


def etag_of(version: int) -> str:
    """The header's value: strong and quoted."""
    return f'"{version}"'


def require_match(request: Request, version: int) -> None:
    """Call with the version of the row just locked. Raises PreconditionRequired, Stale.

    `*` is refused like a missing header: it would say "whatever is there", which is what the rule is to prevent. Weak
    tags never match (RFC 9110 §8.8.3.2).
    """
    given = [tag.strip() for line in request.headers.getlist("if-match") for tag in line.split(",")]
    if not any(given) or "*" in given:
        raise PreconditionRequired("read it first, then send its ETag in `If-Match`")
    if etag_of(version) not in given:
        raise Stale(
            "it was changed since you read it; read it again",
            headers={"ETag": etag_of(version)},
            row_version=version,
        )
