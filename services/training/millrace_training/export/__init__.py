"""Export: one ONNX graph from raw columns to the answer, and the proof that it answers like the trained model."""
