"""Triton: its model repository, its process, its loaded revisions."""
