"""Why a row was answered as it was, from the version's own graph: beside inference, never in its path."""
