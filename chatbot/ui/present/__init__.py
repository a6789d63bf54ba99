"""How things look: turns to bubbles, plans and conversations to HTML, numbers to words. Pure."""
