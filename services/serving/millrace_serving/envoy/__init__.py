"""Envoy: its configuration, served over REST xDS, its process and its counters."""
