"""Flags: what is switched for the platform or for a tenant, and who did it why."""
