"""Exit codes: the platform said no; there is no platform; Ctrl-C. Wrong usage is 2."""

REFUSED, UNREACHABLE, INTERRUPTED = 1, 3, 130
