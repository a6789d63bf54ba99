"""What goes wrong: named faults between the endpoint and the socket, switched on by tests, headers or options."""
