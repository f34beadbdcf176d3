"""What a day looked like, and whether it was sound."""
