"""`python -m services.audit.appender`: appends the records of some of the tenants, in a process of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from pydantic import BaseModel, SecretStr

from chassis import intake_process, logs, telemetry
from chassis.clock import SystemClock
from chassis.db import Database
from chassis.inbox_settings import InboxSettings
from chassis.intake import Intake
from chassis.intake_process import Intakes
from contracts.subjects import STREAMS
from services.audit.consumers import heard
from services.audit.records.personal.keys import Keys
from services.audit.records.personal.model import RootKey

MODULE = "services.audit.appender"
DURABLE = "audit-inbox"


class Told(BaseModel):
    """What the service says to it."""

    database_url: SecretStr
    worker_database_url: SecretStr
    root_key: SecretStr
    lock_outcome_seconds: float
    telemetry: str


def telling(
    urls: tuple[str, str], root_key: str, *, lock_outcome_seconds: float = 60.0, telemetry: str = "none"
) -> dict[str, Any]:
    """`Told` as `IntakeProcesses` sends it; `urls` are those of the app's role and of the worker's."""
    return {
        "database_url": urls[0],
        "worker_database_url": urls[1],
        "root_key": root_key,
        "lock_outcome_seconds": lock_outcome_seconds,
        "telemetry": telemetry,
    }


@asynccontextmanager
async def compose(said: Any) -> AsyncIterator[Intakes]:
    told, clock = Told.model_validate(said), SystemClock()
    telemetry.setup("audit", told.telemetry)
    database = Database(
        "audit",
        told.database_url.get_secret_value(),
        told.worker_database_url.get_secret_value(),
        worker_connections=len(STREAMS),
    )
    keys = Keys(RootKey(told.root_key.get_secret_value()))
    hears = heard(clock, keys, timedelta(seconds=told.lock_outcome_seconds))
    try:
        yield {
            stream: Intake(
                database=database,
                clock=clock,
                consumer=DURABLE,
                stream=stream,
                apply=apply,
                settings=InboxSettings(),
            )
            for stream, apply in hears.items()
        }
    finally:
        await database.close()


if __name__ == "__main__":
    logs.setup("audit")
    intake_process.main(compose)
