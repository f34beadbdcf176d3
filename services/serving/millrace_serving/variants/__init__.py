"""Which form of its version an endpoint serves: measured where it has to be, and switched under the judge."""
