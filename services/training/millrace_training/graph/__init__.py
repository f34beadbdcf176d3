"""ONNX graphs: built node by node, and run as serving runs them."""
