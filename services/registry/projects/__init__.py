"""Projects of a tenant."""
