"""Publisher tokens: with one of them somebody outside posts records into one project of a tenant's log."""
