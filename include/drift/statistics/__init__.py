"""The tests and estimates behind a verdict, in numpy alone: from counts to evidence. Pure."""
