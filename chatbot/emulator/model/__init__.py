"""What is answered: a small honest model that decides everything from the messages, tools and schemas it is sent."""
