"""Tokens that people make for their programs: with an end, with no more rights than they have, and revoked at once."""
