"""Settings of the bff, from the environment (prefix TENANTRY_BFF_)."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings


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
    heartbeat_seconds: float = Field(default=30, gt=0)
    stream_heartbeat: float = Field(default=20, gt=0)
    stream_life: float = Field(default=720, gt=60)
    """Mean life of a connection; spread by a quarter so that reconnects do not come together."""
    unsent_bytes: int = 262_144
    """Above this a slow reader is parked."""
    parked_seconds: float = 30
    ring_bytes: int = 4 * 1024 * 1024
    """Of frames kept per tenant."""
    rings_bytes: int = 512 * 1024 * 1024
    """Of frames kept in all."""
    max_streams: int = Field(default=20_000, ge=1)
    warm_messages: int = Field(default=10_000, ge=0)
    """How many messages of FEED a process reads back when it starts."""
    wait_behind: float = 5
    """How long a client that is ahead of this process waits before it is sent elsewhere."""
    drain_retry_ms: int = 5000
