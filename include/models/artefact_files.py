"""What the files of a model are called, for those who look at files without loading a model."""

CARD_FILE = "card.json"
WEIGHTS_FILE = "model.safetensors"
PROJECTION_FILE = "features.safetensors"
"""The projection of the penultimate layer's outputs; versions of older releases have none."""
