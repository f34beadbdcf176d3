"""What happened: runs, versions and decisions."""
