"""What runs read and made."""
