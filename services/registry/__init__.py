"""Registry: what is this tenant, what may it use, who and which device may come in.

Owns tenants, their entitlements, members and devices, the catalogue and the sales orders that were applied. Says
`registry.tenant.*`, `registry.entitlements.changed.v1`, `registry.member.*`, `registry.device.*`. Hears nothing yet.
"""
