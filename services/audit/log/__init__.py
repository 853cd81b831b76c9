"""The log itself: a Merkle tree per tenant, how it grows, how its heads are signed, what is proved about it."""
