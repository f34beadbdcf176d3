"""Features: typed columns, and the encoders that turn them into numbers, in numpy and in ONNX alike."""
