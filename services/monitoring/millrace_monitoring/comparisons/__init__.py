"""Two versions on the same rows: arms of a canary, mirrors, and who could come back."""
