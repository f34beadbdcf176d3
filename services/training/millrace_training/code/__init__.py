"""Training code of a user's own: packed, run apart from the platform, and held to its ONNX graph."""
