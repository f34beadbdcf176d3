"""Benchmarks: `make bench` measures speed and memory on this machine and writes out/bench.json."""
