"""Who is told and by which channels: rows that are read one by one, so that none that is broken hides others."""
