"""Records `contracts/http/*.json`: `python -m scripts.record_examples`.

`story/` plays every operation of every service once on a running stack, one file per noun. A new operation takes one
`ask(...)` in the file of its noun; `cast` says who asks, `recorder` keeps what was said, `plain` takes out what is
different in every run. `tests/system/test_http_examples.py` plays the same story and compares.
"""
