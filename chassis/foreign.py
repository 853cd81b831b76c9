"""Paths that speak somebody else's protocol: exempt from our rules on unknown parameters, fields and idempotency keys.

They carry an identity of their own for deduplication.
"""

PATHS = frozenset(
    {
        "/authorize",  # OAuth 2.1: unknown parameters must be ignored (RFC 6749 §3.1)
        "/webhooks/erpnext",  # Frappe: deduplicated by doctype, name, modified and event
    }
)
