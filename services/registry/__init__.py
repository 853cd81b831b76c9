"""Registry: what is this tenant, what may it use, who and which device may come in.

Owns tenants, their entitlements, members and devices, the catalogue, the sales orders that were applied, flags and version floors. Says
`registry.tenant.*`, `registry.entitlements.changed.v1`, `registry.member.*`, `registry.device.*`, `registry.flag.*`,
`registry.version_floor.*`, and keeps the bucket `settings`. Hears nothing yet.
"""
