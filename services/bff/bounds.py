"""Limits of the stream listener that protect it before anybody is known."""

MAX_HEADERS = 32_768
MAX_URL = 4096
OPENING_SECONDS = 15.0
COLD_REPLAYS = 16
"""At once per process; the others wait."""
DISABLED_SECONDS = 30
"""So long a desktop waits before it knocks at a door that was switched off."""
POLL_BYTES = 1_048_576
"""About so much is in one answer to a poll."""
