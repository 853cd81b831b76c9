"""The command line of Tenantry, the embedded stack and the local identity issuer."""
