"""Classes that labels name before any version knows them: kept by name, so that nothing of them is lost."""
