"""Where the data folder is, and how errors of the stack end a command."""

import asyncio
import os
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console

from tenantry.stack.errors import StackError

T = TypeVar("T")
errors = Console(stderr=True, highlight=False)


def data_folder() -> Path:
    """TENANTRY_DATA_DIR, or `.tenantry` in the present folder."""
    return Path(os.environ.get("TENANTRY_DATA_DIR", ".tenantry"))


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end; a StackError ends the process with its message and status 1, Ctrl-C with status 130."""
    try:
        return asyncio.run(work)
    except StackError as error:
        errors.print(f"[red]tenantry:[/red] {error}", markup=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
