"""The ERP behind one small interface; the local adapter reads documents from a folder."""

import asyncio
import re
from datetime import date
from pathlib import Path
from typing import Annotated, Protocol

from pydantic import BaseModel, Field, ValidationError

from chassis.errors import Transient

DOCUMENT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")


class ErpUnavailable(Transient):
    """The ERP did not answer, or with something that is no document."""


class OrderItem(BaseModel):
    """One line of an order."""

    item_code: str
    qty: int = Field(ge=1)


class SalesOrder(BaseModel):
    """A sales order as the ERP has it. `docstatus` 1 is submitted, 2 cancelled."""

    name: str
    customer: str
    docstatus: int
    modified: str
    items: Annotated[list[OrderItem], Field(min_length=1, max_length=500)]
    contract_start: date | None = None
    contract_end: date | None = None


class Erp(Protocol):
    """The webhook is a hint, this is the truth."""

    async def sales_order(self, name: str) -> SalesOrder | None: ...


class LocalErp:
    """`<folder>/Sales Order/<name>.json`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "Sales Order"

    async def sales_order(self, name: str) -> SalesOrder | None:
        if not DOCUMENT_NAME.fullmatch(name):
            return None
        path = self._folder / f"{name}.json"
        try:
            return SalesOrder.model_validate_json(await asyncio.to_thread(path.read_bytes))
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            raise ErpUnavailable(f"Sales Order {name}: {error}") from error
