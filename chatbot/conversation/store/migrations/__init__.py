"""How the schema came to be: each version is a step from the one before, and never changes once it has been in use."""
