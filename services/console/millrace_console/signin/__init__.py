"""Ways in: accounts with passwords, a provider of OpenID Connect, and how guessing is slowed."""
