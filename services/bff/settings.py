"""Settings of the bff, from the environment (prefix TENANTRY_BFF_)."""

from datetime import timedelta
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings
from services.bff.locks.model import Timing
from services.bff.sessions.model import Limits


class Settings(ServiceSettings):
    """What the bff needs beside what every service needs. Times in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(env_prefix="TENANTRY_BFF_")

    stream_port: int = Field(ge=1, le=65535)
    stream_origin: str
    """Public origin of the stream listener; proofs for the stream name it."""
    directory_seconds: float = Field(default=30, ge=0, le=30)
    """For so long what the door knows of a caller is remembered at most, though nothing was heard of it."""
    fresh_seconds: int = Field(default=300, ge=1)
    """How old a sign-in with a second factor may be for an action that needs a recent one."""
    session_seconds: float = Field(default=12 * 3600, gt=0)
    """A session ends then, whatever happens; 12 hours and 30 minutes unheard are those of NIST SP 800-63B, AAL2."""
    session_idle_seconds: float = Field(default=1800, gt=0)
    """A session of which nothing was heard for so long ends."""
    heartbeat_seconds: float = Field(default=30, gt=0)
    """Mean time from one heartbeat of a session to the next."""
    limits_seconds: float = Field(default=1, gt=0)
    """How often sessions are looked for that have reached a limit."""
    session_kept_days: float = Field(default=90, ge=1)
    """A session is deleted so long after its end."""
    audit_verifier_key: str = ""
    """Whose signature under a checkpoint counts (C2SP verifier key); given apart from audit, which could lie."""
    lock_vendor: str = Field(default="locks", pattern=r"^[a-z][a-z0-9_]{0,39}$")
    """Name of the vendor of the locks; its log is followed under it."""
    lock_vendor_url: str = ""
    """Where the vendor is; empty: no locks are connected. https in production."""
    lock_vendor_key: SecretStr = SecretStr("")
    """Proves to the vendor who we are."""
    lock_deadline_seconds: float = Field(default=15, gt=0, le=120)
    """A lock action whose command was not sent by then fails."""
    lock_receipt_seconds: float = Field(default=3, gt=0, le=30)
    """One question for a receipt."""
    lock_vendor_seconds: float = Field(default=5, gt=0, le=60)
    """One question to the vendor."""
    lock_skew_seconds: float = Field(default=30, ge=0)
    """How far the vendor's clock may be behind ours."""
    lock_report_seconds: float = Field(default=2, gt=0)
    """How often the vendor's log is read."""
    page_token_key: SecretStr
    """Signs page tokens; the same for all processes."""
    stream_heartbeat: float = Field(default=20, gt=0)
    stream_life: float = Field(default=750, gt=60)
    """Mean life of a connection; spread by a fifth so that reconnects do not come together."""
    unsent_bytes: int = 262_144
    """Above this a slow reader is parked."""
    parked_seconds: float = 30
    ring_bytes: int = 4 * 1024 * 1024
    """Of frames kept per tenant."""
    rings_bytes: int = 512 * 1024 * 1024
    """Of frames kept in all."""
    max_streams: int = Field(default=20_000, ge=1)
    attach_rate: float = Field(default=2_000, gt=0)
    """Streams opened in a second; so many also at once after a quiet time. The others are sent away with a time.

    For what stands behind a process; its own time is shared by measure, whatever is set here.
    """
    max_openings: int = Field(default=512, ge=1)
    """Who waits for the answer at once; with more than it can look at, a process tells the others when to come back."""
    max_polls: int = Field(default=300, ge=1)
    """Requests that wait for news at once; fewer than requests at all."""
    drain_seconds: float = Field(default=60.0, gt=0)
    """Of these, three quarters for the streams, which go evenly."""
    warm_messages: int = Field(default=10_000, ge=0)
    """How many messages of FEED a process reads back when it starts."""
    wait_behind: float = 5
    """How long a client that is ahead of this process waits before it is sent elsewhere."""
    drain_retry_ms: int = Field(default=20_000, ge=500)

    @field_validator("heartbeat_seconds")
    @classmethod
    def is_heard_before_it_ends(cls, given: float, info: ValidationInfo) -> float:
        """A heartbeat or two may be lost, and one is written down up to half an interval late."""
        if 3 * given > info.data.get("session_idle_seconds", 0):
            raise ValueError("more than a third of SESSION_IDLE_SECONDS")
        return given

    @field_validator("lock_vendor_url")
    @classmethod
    def is_an_address(cls, given: str, info: ValidationInfo) -> str:
        """No credentials, no query; what opens doors is encrypted on its way."""
        if not given:
            return given
        parts = urlsplit(given)
        schemes = {"https"} if info.data.get("mode") == "production" else {"https", "http"}
        if (
            parts.scheme not in schemes
            or not parts.hostname
            or parts.username
            or parts.query
            or parts.fragment
        ):
            raise ValueError(f"no plain address of {' or '.join(sorted(schemes))}")
        if not info.data.get("audit_verifier_key"):
            raise ValueError("locks need AUDIT_VERIFIER_KEY: without it no receipt can be checked")
        return given

    @property
    def lock_timing(self) -> Timing:
        """Of lock actions."""
        return Timing(
            deadline=self.lock_deadline_seconds,
            receipt=self.lock_receipt_seconds,
            vendor=self.lock_vendor_seconds,
            skew=self.lock_skew_seconds,
        )

    @property
    def limits(self) -> Limits:
        """Of desk sessions."""
        return Limits(
            absolute=timedelta(seconds=self.session_seconds),
            idle=timedelta(seconds=self.session_idle_seconds),
            interval=timedelta(seconds=self.heartbeat_seconds),
        )
