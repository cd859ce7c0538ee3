"""Whether the champion still answers as it did when it was accepted, and what follows if it does not."""
