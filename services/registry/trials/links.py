"""The secret of a trial's link follows from the trial's id under a key, so that it is kept nowhere."""

import hashlib
import hmac
from uuid import UUID

from chassis.proof_keys import b64url

PURPOSE = b"tenantry trial link "


class Links:
    """The same key for all processes; `portal_url` is where the link leads."""

    def __init__(self, key: str, portal_url: str) -> None:
        self._key = key.encode()
        self._portal_url = portal_url.rstrip("/")

    def token(self, trial_id: UUID) -> str:
        return b64url(hmac.digest(self._key, PURPOSE + trial_id.bytes, "sha256"))

    def link(self, trial_id: UUID) -> str:
        """The token is behind the `#`: browsers tell it to no server, and no log holds it."""
        return f"{self._portal_url}/trials/verify#token={self.token(trial_id)}"


def digest_of(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
