"""Runs: one training execution each."""
