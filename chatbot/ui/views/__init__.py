"""How things look: turns to messages, plans and conversations to HTML, numbers to words. Pure."""
