"""The way back to an archived version: intended, made so, recorded."""
