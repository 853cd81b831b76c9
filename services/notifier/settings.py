"""Settings of the notifier, from the environment (prefix TENANTRY_NOTIFIER_)."""

from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    """What the notifier needs beside what every service needs. Times in seconds."""

    model_config = SettingsConfigDict(env_prefix="TENANTRY_NOTIFIER_")

    mail_folder: Path
    """Local mail: one .eml file per mail."""
    mail_sender: str = "Tenantry <no-reply@tenantry.example>"
    sealing_key: SecretStr
    """32 bytes in base64; seals endpoint secrets with AES-256-GCM."""
    allow_private_endpoints: bool = False
    """Lets webhooks reach private addresses over plain HTTP; local mode only."""
    retry_after: tuple[float, ...] = (30.0, 300.0)
    """Waits before the second and each later attempt at a webhook message."""
    poll: float = Field(default=0.1, gt=0)
    batch: int = Field(default=50, ge=1, le=1000)
    connect_seconds: float = 5.0
    total_seconds: float = 15.0
    max_answer_bytes: int = 16_384
    hold_seconds: float = 5.0
    """How long a notice waits when the registry is down."""

    @model_validator(mode="after")
    def refuse_private_in_production(self) -> Self:
        if self.mode == "production" and self.allow_private_endpoints:
            raise ValueError("TENANTRY_NOTIFIER_ALLOW_PRIVATE_ENDPOINTS is for local mode")
        return self
