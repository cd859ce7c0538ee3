"""What inference reaches of the machine's limit, and beside what one would use instead."""
