"""Keys for inference, as they are stored, told and recognised."""
