"""API keys: issued, rotated and revoked by people, verified for products."""
