"""What the shared pods of projects hold."""
