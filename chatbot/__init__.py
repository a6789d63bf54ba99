"""A chat application for models on Azure Machine Learning: one folder per room, see docs/decisions.md for the why."""
