"""How the channels do: what they have under way, and what they gave up."""
