"""The registry: facts about data, runs, models and decisions, and the artifacts they refer to."""
