"""NATS: who may say and hear what, which streams and durables there are, how the server runs."""
