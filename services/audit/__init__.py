"""Audit: who did what, when, on whose behalf, for every service, provably complete.

Owns the append-only log: one RFC 6962 Merkle tree per tenant, its records, tiles and signed checkpoints.
Says `audit.checkpoint.published.v1` and `audit.gap.detected|repaired.v1`. Hears every event of every stream.
"""
