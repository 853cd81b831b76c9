"""Properties of a tenant: where its members work."""
