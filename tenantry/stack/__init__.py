"""The embedded stack: real NATS and PostgreSQL and the services as child processes, in one data folder."""
