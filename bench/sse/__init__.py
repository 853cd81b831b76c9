"""Live fan-out beside its peers and its limit: this bff, sse-starlette, FastAPI's own SSE, nginx's nchan, a bare C loop.

Each server is one process on one core, the load generator (`load.c`) has two others, everything else the rest.
`ours.py` is the whole bff with a door that admits by a header; its events come through NATS as in production. The others
are told of an event by one POST. All send the same data in frames of the same size.
"""
