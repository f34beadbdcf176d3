"""What every service needs: application, settings, errors, auth, database, storage, logs, metrics."""
