"""The versions, each in its file."""
