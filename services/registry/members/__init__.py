"""Members of a tenant."""
