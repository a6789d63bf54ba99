"""What the wire looks like: how each kind of Azure endpoint opens, reads, refuses, answers and streams."""
