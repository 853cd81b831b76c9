"""Links to finished exports: who has one may fetch the file until it expires. Pure."""

import hmac
from datetime import UTC, datetime
from uuid import UUID

from chassis.proof_keys import b64url, b64url_bytes
from services.audit.exports.errors import LinkExpired, LinkInvalid

MAC_BYTES = 32
BODY_BYTES = 16 + 16 + 8


class Links:
    """One per service; the secret is shared by its processes."""

    def __init__(self, secret: bytes, origin: str) -> None:
        """`origin`: where the service is reached, `https://host`."""
        self._secret = hmac.digest(secret, b"tenantry links to exports", "sha256")
        self._origin = origin

    def to(self, tenant_id: UUID, export_id: UUID, expires_at: datetime) -> str:
        body = tenant_id.bytes + export_id.bytes + int(expires_at.timestamp()).to_bytes(8, "big")
        return f"{self._origin}/v1/audit/exports/{b64url(self._mac(body) + body)}"

    def read(self, token: str, now: datetime) -> tuple[UUID, UUID]:
        """(tenant, export). Raises LinkInvalid, LinkExpired."""
        try:
            raw = b64url_bytes(token)
        except (ValueError, UnicodeEncodeError) as error:
            raise LinkInvalid("this is not one of our links") from error
        mac, body = raw[:MAC_BYTES], raw[MAC_BYTES:]
        if len(body) != BODY_BYTES or not hmac.compare_digest(mac, self._mac(body)):
            raise LinkInvalid("this is not one of our links, or it was changed on the way")
        expires_at = datetime.fromtimestamp(int.from_bytes(body[32:], "big"), UTC)
        if now >= expires_at:
            raise LinkExpired(
                f"it was valid until {expires_at.isoformat()}; ask for another export",
                french=f"il était valable jusqu'au {expires_at.isoformat()} ; demandez un autre export",
            )
        return UUID(bytes=body[:16]), UUID(bytes=body[16:32])

    def _mac(self, body: bytes) -> bytes:
        return hmac.digest(self._secret, body, "sha256")
