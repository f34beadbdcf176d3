"""Rows that come as a stream: kept in batches at once, and brought into the dataset as deliveries."""
