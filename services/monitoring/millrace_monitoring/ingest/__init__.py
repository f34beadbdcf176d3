"""How predictions come in: Envoy's log, rows of a replay, segments, and days that are written once."""
