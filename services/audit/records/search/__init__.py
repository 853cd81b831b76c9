"""Search in a tenant's log: what may be asked, the stores that answer, and who sees how much of it."""
