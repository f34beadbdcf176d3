"""Fixtures that every test may use: an app of one service, called as its users would."""
