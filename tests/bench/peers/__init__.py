"""What else people serve a model with, each in an environment of its own, with the same graph and the same rows."""
