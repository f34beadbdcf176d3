"""What every Millrace service needs: application, settings, errors, auth, database, storage, logging, metrics."""
