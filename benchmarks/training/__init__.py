"""How long training and retraining take to a given accuracy."""
