"""Settings of audit, from the environment (prefix TENANTRY_AUDIT_)."""

from datetime import timedelta
from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings
from services.audit.gaps.book import Patience
from services.audit.records.personal.model import RootKey

MOST_AT_ONCE = 5_000
"""The server lets thrice as many be unacknowledged (`deploy.nats.streams`): two batches in hand, one on its way."""


class Settings(ServiceSettings):
    """What audit needs beside what every service needs."""

    model_config = SettingsConfigDict(env_prefix="TENANTRY_AUDIT_")

    signing_key: SecretStr
    """Ed25519 private key of the checkpoints: 32 bytes in base64."""
    signing_name: str = "tenantry.example/audit"
    """Name of the key in signed notes; no spaces, no plus."""
    root_key: SecretStr
    """Wraps the tenants' keys, which wrap the keys of personal data: 32 bytes in base64. Kept apart from backups."""
    page_token_key: SecretStr
    """Signs page tokens and the links of exports; shared by the processes of the service."""
    export_folder: Path
    """Where finished exports lie for their seven days; shared by the processes of the service."""
    exports_at_once: int = Field(default=2, ge=1, le=16)
    """So many exports are written at the same time, by all processes together."""
    bundle_folder: Path
    """Where sealed bundles of old months lie; shared by the processes of the service, backed up."""
    mongo_url: SecretStr | None = None
    """A MongoDB in which searches are answered; none: in the log's own table."""
    follow_seconds: float = Field(default=2.0, gt=0)
    """How often what was signed is copied there."""
    max_batch: int = Field(default=2_500, ge=1, le=5000)
    """Records to a transaction."""
    appenders: int = Field(default=0, ge=0, le=16)
    """Processes that append what the streams say, each for some of the tenants; 0: the service's own process does."""
    checkpoint_seconds: float = Field(default=1.0, gt=0)
    checkpoint_batch: int = Field(default=500, ge=1, le=5000)
    receipt_seconds: float = Field(default=2.0, gt=0)
    """How long a request for a receipt waits for the signature; below the patience of who asks."""
    anchor_folder: Path | None = None
    """Where the ledger's heads are kept once and for all; on storage that who runs the database cannot change."""
    anchor_seconds: float = Field(default=60.0, gt=0)
    """How often the ledger takes in the checkpoints of the tenants that changed, and is anchored."""
    quiet_seconds: float = Field(default=86_400.0, gt=0)
    """How often it takes in the checkpoint of a tenant that did not."""
    gap_alarm_seconds: float = Field(default=30.0, gt=0)
    """A hole that no replay has filled by then is a page."""
    silence_seconds: float = Field(default=90.0, gt=0)
    """So is a source of which nothing was heard for so long, while we listened; heartbeats come every 30 s."""
    lock_outcome_seconds: float = Field(default=60.0, gt=0)
    """A lock action without an outcome by then is warned of, and an outcome without the vendor's report of it."""
    gap_seconds: float = Field(default=5.0, gt=0)
    """How often the book of gaps is held against what has arrived."""

    @property
    def at_once(self) -> int:
        """Messages taken from a stream at a time."""
        return min(MOST_AT_ONCE, self.max_batch * max(1, self.appenders))

    @field_validator("root_key")
    @classmethod
    def _is_a_key(cls, given: SecretStr) -> SecretStr:
        RootKey(given.get_secret_value())
        return given

    @model_validator(mode="after")
    def _is_anchored(self) -> Self:
        if self.mode == "production" and self.anchor_folder is None:
            raise ValueError("production needs ANCHOR_FOLDER: without it a rewritten log would go unnoticed")
        return self

    @property
    def gap_patience(self) -> Patience:
        """Before an alarm."""
        return Patience(timedelta(seconds=self.gap_alarm_seconds), timedelta(seconds=self.silence_seconds))

    @property
    def lock_patience(self) -> timedelta:
        """Before a warning."""
        return timedelta(seconds=self.lock_outcome_seconds)
