"""The local identity issuer: a small OIDC provider for development, a process of its own. Refuses production mode.

Tokens have the shape of Keycloak 26 with Organizations. `app` joins, `authorize` signs people in, `tokens` gives tokens,
`admin` keeps organisations and members, `state` stores, `signing` signs.
"""
