"""How the devices of a tenant are: version, lag, queue, last seen, present or not."""
