"""Registry: what is this tenant, what may it use, who and which device may come in.

Owns tenants, their life and entitlements, projects, properties, members with their scopes, devices, the catalogue, what
products keep, do and count, API keys, sales orders, leads, trials, the demo tenant, flags and version floors.
Says `registry.*` and keeps the bucket `settings`. See the README beside this file.
"""
