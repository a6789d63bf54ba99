"""What is pictured of the application: a module for each part of it, each with a function ``take``."""
