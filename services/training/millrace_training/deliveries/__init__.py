"""Deliveries over HTTP: rows without a file, and a contract from a sample; both become jobs."""
