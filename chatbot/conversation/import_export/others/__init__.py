"""What other tools export, read message by message: each module knows one tool's files. Pure."""
