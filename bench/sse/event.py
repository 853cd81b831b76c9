"""The event that every server sends: 256 bytes as our frame, with the time of its publication in the body."""

TYPE = "sync.record.changed.v1"
FRAME_BYTES = 256
TIME = "@" * 20
"""Stands for the nanoseconds at which the event was published; the load generator writes them there."""
ID = "19b0c1d2e3f4-1234567"


def frame(data: bytes) -> bytes:
    return b"event: %b\ndata: %b\nid: %b\n\n" % (TYPE.encode(), data, ID.encode())


def data() -> bytes:
    """One line of JSON."""
    body = b'{"id":"019a-bench","audience":"all","seq":1,"prev":0,"type":"%b","body":{"at":"%b","x":"%b"}}'
    filling = FRAME_BYTES - len(frame(body % (TYPE.encode(), TIME.encode(), b"")))
    return body % (TYPE.encode(), TIME.encode(), b"x" * filling)


def post(path: str, headers: str = "") -> bytes:
    """The publication as one HTTP request."""
    line = data()
    head = f"POST {path} HTTP/1.1\r\nHost: bench\r\n{headers}Content-Length: {len(line)}\r\n\r\n"
    return head.encode() + line
