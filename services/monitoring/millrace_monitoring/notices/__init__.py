"""What people are told of loops: read from the decisions, gathered into messages, sent until they arrive."""
