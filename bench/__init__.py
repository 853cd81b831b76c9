"""Benchmarks: ours and its peer or limit in turn, in one run."""
