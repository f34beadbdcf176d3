"""Projects: tenants, to which everything belongs."""
