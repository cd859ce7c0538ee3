"""The verb `demo`: the whole story of one classifier, told on this machine in a state of its own."""
