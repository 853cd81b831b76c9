"""Settings of the registry, from the environment (prefix TENANTRY_REGISTRY_)."""

from pathlib import Path

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings
from services.registry.api_keys.peppers import Peppers
from services.registry.tenants.model import Ladder


class Settings(ServiceSettings):
    """What the registry needs beside what every service needs."""

    model_config = SettingsConfigDict(env_prefix="TENANTRY_REGISTRY_")

    erp_webhook_secret: SecretStr
    """Shared with the ERP; signs its webhooks."""
    erp_folder: Path
    """The local ERP: `<erp_folder>/Sales Order/<name>.json`."""
    identity_admin_url: str
    """Administration of the identity provider; locally the issuer's."""
    identity_admin_secret: SecretStr
    trial_days: int = Field(default=14, ge=1)
    trial_warning_days: tuple[int, ...] = (7, 12)
    """Days of the trial on which its end is announced."""
    grace_days: int = Field(default=30, ge=1)
    """From frozen to archived."""
    retention_days: int = Field(default=30, ge=1)
    """From archived to deleted."""
    hold_days: int = Field(default=90, ge=1, le=366)
    """So long a hold may be."""
    due_seconds: float = Field(default=1.0, gt=0)
    """How often the scheduler looks for due actions."""
    due_batch: int = Field(default=200, ge=1, le=2000)
    page_token_key: SecretStr
    """Signs page tokens; the same for all processes."""
    challenge_seconds: int = Field(default=300, ge=10)
    push_seconds: float = Field(default=0.5, gt=0)
    key_peppers: SecretStr
    """`<id>:<base64 of 32 bytes or more>,…`, newest first: the first issues API keys, all of them verify."""
    key_overlap_hours: int = Field(default=168, ge=0, le=168)
    """So long a rotated key may go on beside its successor."""
    key_cache_entries: int = Field(default=100_000, ge=1)
    key_cache_seconds: int = Field(default=30, ge=1, le=300)
    """So long an answer may be kept at most: here while the bus is heard, elsewhere as `cache_ttl_s`."""
    key_rate: float = Field(default=200.0, gt=0)
    """Verifications of one key per second and process, with bursts of twice as many."""
    key_use_seconds: float = Field(default=10.0, gt=0)
    """How often the last use of keys is written."""
    leak_rate: float = Field(default=20.0, gt=0)
    """Reports of leaked keys per second and process."""

    product_seconds: float = Field(default=5.0, gt=0, le=10)
    """So long a product may take for one answer."""
    probe_seconds: float = Field(default=300.0, gt=0)
    """How often each product is held against the product contract."""
    action_unknown_seconds: float = Field(default=60.0, gt=0)
    """After this an action of which nobody has told the outcome counts as unknown; longer than a request may last."""
    sales_mailbox: str = "sales@tenantry.example"
    """Who is told of a lead that nobody owns."""
    operators_mailbox: str = "operators@tenantry.example"
    """Who is told that the demo tenant is not as it should be."""
    portal_url: str = "https://portal.tenantry.example"
    """Where a trial's link leads."""
    trial_link_key: SecretStr
    """The secrets of trials' links are derived from it; the same for all processes."""
    trial_link_hours: int = Field(default=24, ge=1, le=168)
    """So long a trial's link may be used."""
    trial_rate: float = Field(default=2.0, gt=0)
    """Requests for trials per second and process, with bursts of ten times as many."""
    trial_open_most: int = Field(default=10_000, ge=1)
    """So many links wait to be used at the utmost."""

    @field_validator("key_peppers")
    @classmethod
    def peppers_are_readable(cls, given: SecretStr) -> SecretStr:
        Peppers(given.get_secret_value())
        return given

    @property
    def ladder(self) -> Ladder:
        return Ladder(self.trial_days, self.trial_warning_days, self.grace_days, self.retention_days)
