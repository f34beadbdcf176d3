"""The statistics by which Millrace decides: pure functions on arrays, without files, network or database."""
