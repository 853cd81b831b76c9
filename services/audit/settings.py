"""Settings of audit, from the environment (prefix TENANTRY_AUDIT_)."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    """What audit needs beside what every service needs."""

    model_config = SettingsConfigDict(env_prefix="TENANTRY_AUDIT_")

    signing_key: SecretStr
    """Ed25519 private key of the checkpoints: 32 bytes in base64."""
    signing_name: str = "tenantry.example/audit"
    """Name of the key in signed notes; no spaces, no plus."""
    page_token_key: SecretStr
    """Signs page tokens and the links of exports; shared by the processes of the service."""
    export_folder: Path
    """Where finished exports lie for their seven days; shared by the processes of the service."""
    exports_at_once: int = Field(default=2, ge=1, le=16)
    """So many exports are written at the same time, by all processes together."""
    bundle_folder: Path
    """Where sealed bundles of old months lie; shared by the processes of the service, backed up."""
    max_batch: int = Field(default=500, ge=1, le=5000)
    checkpoint_seconds: float = Field(default=1.0, gt=0)
    checkpoint_batch: int = Field(default=500, ge=1, le=5000)
    gap_seconds: float = Field(default=5.0, gt=0)
    """How often the book of gaps is held against what has arrived."""
