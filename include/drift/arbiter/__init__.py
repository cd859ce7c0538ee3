"""From evidence to a verdict, an action and the reasons. Pure."""
