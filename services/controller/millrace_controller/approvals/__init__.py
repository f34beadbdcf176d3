"""People approve or reject what the gates let pass; what is approved is rolled out, once."""
