"""The reference desktop client: what a desktop developer reads first.

Read in this order: `keys` (the device key), `proofs` (DPoP), `signin` (tokens), `door` (a request that carries both),
`enrolment`, `session`, `heart` (what keeps it open), `overview` (the first screen), `stream` (what the desktop is told),
`store` and `sync` (what it keeps and hands in), `client` (all of it joined).
"""
