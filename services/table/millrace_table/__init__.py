"""Tables as they come: read, typed, and described by a contract; the platform and `millrace init` share it."""
