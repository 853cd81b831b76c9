"""Receipts: how a service asks audit for the proof that its own event is in the log, and what it gets.

Asked by request/reply (`contracts.subjects.RECEIPTS`) as `ReceiptAsked`, answered as `ReceiptAnswer`, both JSON.
"""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

WhyNot = Literal["halted", "not_yet", "malformed"]
"""`halted`: no receipts now. `not_yet`: not in a signed tree so far; ask again. `malformed`: no request."""


class Said(BaseModel):
    """Never changes; readers leave out what they do not know."""

    model_config = ConfigDict(frozen=True)


class ReceiptAsked(Said):
    """For this event of this tenant."""

    tenant_id: UUID
    record_id: UUID
    """The event's id."""


class Receipt(Said):
    """An inclusion proof (RFC 6962 §2.1.1) with all that is needed to check it offline."""

    leaf_index: Annotated[int, Field(ge=0)]
    entry: str
    """The exact bytes of the leaf, in base64."""
    hashes: tuple[str, ...]
    """The path from the leaf to the root, hexadecimal, nearest first."""
    checkpoint: str
    """The signed tree head (C2SP checkpoint) that the path leads to."""


class Refusal(Said):
    """Why there is no receipt."""

    code: WhyNot
    detail: str


class ReceiptAnswer(Said):
    """One of the two."""

    receipt: Receipt | None = None
    refusal: Refusal | None = None
