"""Loop runs: from a trigger to the last rollout step."""
