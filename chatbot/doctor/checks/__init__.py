"""The checks, each a small function that yields what it found; ``chatbot.doctor.examination`` has their order."""
