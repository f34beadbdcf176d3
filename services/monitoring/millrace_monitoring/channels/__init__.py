"""The ways by which people are told: each takes one message, sends it once, and says what the other side answered."""
