"""Requests for approval: what people are shown, what they answer, and whether an answer still holds."""
