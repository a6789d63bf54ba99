"""What the wire looks like: how each kind of Azure endpoint lets in, reads, refuses, answers and streams."""
