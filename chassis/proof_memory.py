"""What a server remembers of DPoP proofs: the nonces that it gave (RFC 9449 §8, §9) and the proofs that it took (§11.1).

The two belong together: a nonce is good only if it was given after the beginning of what is remembered, so no proof that
was forgotten, by a full memory or by a start, can be used again.
"""

import hmac
import math

from chassis.proof_keys import b64url, b64url_bytes

NEWEST_SECONDS = 10
"""So far may the clocks of two processes, or of a client and us, be apart."""
NONCE_BUCKET_SECONDS = 10
"""For so long the same nonce is given."""
NONCE_SECONDS = 120
"""From its beginning on a nonce is good for so long."""
REMEMBER_SECONDS = NONCE_SECONDS + NEWEST_SECONDS
STEP_SECONDS = 0.002
"""Two beginnings are further apart than the stamp of a nonce lies behind the one it is given for."""
MOST_GOOD = 256
STAMP_BYTES, MAC_BYTES = 6, 12


class Nonces:
    """Stateless nonces: the millisecond from which on one was given, and its HMAC. All who have the secret know them."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._made = (-1, "")
        self._latest = 0
        self._good: dict[str, int] = {}
        """Nonces that were found to be ours, and their stamps."""

    def current(self, now: float, since: float = -math.inf) -> str:
        """The nonce to give; one that was given before `since` would not be taken. Times are seconds since 1970."""
        bucket = milliseconds(now // NONCE_BUCKET_SECONDS * NONCE_BUCKET_SECONDS)
        stamp = max(bucket, self._latest, 0 if since == -math.inf else milliseconds(since) + 1)
        if self._made[0] != stamp:
            head = stamp.to_bytes(STAMP_BYTES, "big")
            self._made = (stamp, b64url(head + self._mac(head)))
        return self._made[1]

    def is_valid(self, nonce: str, now: float, since: float = -math.inf) -> bool:
        stamp = self._good.get(nonce) or self._stamp_of(nonce)
        if stamp is None:
            return False
        is_young = now - NONCE_SECONDS < stamp / 1000 <= now + NEWEST_SECONDS
        if not is_young or (since != -math.inf and stamp <= milliseconds(since)):
            return False
        self._latest = max(self._latest, stamp)
        return True

    @property
    def latest(self) -> float:
        """The youngest one that was taken. Whoever gave it started later than we, or its clock goes before ours.

        From then on ours are as young, so that a client is asked for no other when it goes back there.
        """
        return self._latest / 1000

    def _stamp_of(self, nonce: str) -> int | None:
        """None for what is none of ours."""
        try:
            raw = b64url_bytes(nonce)
        except ValueError:
            return None
        head, mac = raw[:STAMP_BYTES], raw[STAMP_BYTES:]
        if not hmac.compare_digest(mac, self._mac(head)):
            return None
        if len(self._good) == MOST_GOOD:
            self._good.clear()
        stamp = self._good[nonce] = int.from_bytes(head, "big")
        return stamp

    def _mac(self, head: bytes) -> bytes:
        return hmac.digest(self._secret, head, "sha256")[:MAC_BYTES]


def milliseconds(seconds: float) -> int:
    """Never earlier than it was."""
    return math.ceil(seconds * 1000)


class ReplayMemory:
    """Remembers (jkt, jti) in two sets, of which the older one is dropped when the younger one is full or old enough.

    `since` is the beginning of what is remembered: whatever was used before may have been forgotten.
    """

    def __init__(self, most: int = 200_000, since: float = -math.inf) -> None:
        self.since = since
        self._most = most
        self._began_at = since
        self._recent: set[int] = set()
        self._earlier: set[int] = set()

    def __len__(self) -> int:
        return len(self._recent) + len(self._earlier)

    def is_first(self, jkt: str, jti: str, now: float) -> bool:
        """True once per proof. Forgets only after it has looked: the nonce was judged by what is remembered until now."""
        key = hash(
            f"{jkt} {jti}"
        )  # keyed anew in every process; two that are alike would only be refused once
        if key in self._recent or key in self._earlier:
            return False
        self._recent.add(key)
        if now - self._began_at >= REMEMBER_SECONDS or len(self._recent) >= self._most // 2:
            self.since, self._began_at = self._began_at, max(now, self._began_at + STEP_SECONDS)
            self._earlier, self._recent = self._recent, set()
        return True
