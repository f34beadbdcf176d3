"""Every push of labels is kept as it came, so that what stands among the labels can be checked against it."""
