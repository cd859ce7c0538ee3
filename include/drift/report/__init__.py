"""What a check leaves to be looked at: a page, a picture, a history."""
