"""What a job's code stands on, wherever it runs: its context, its files, its trials and all cores."""
