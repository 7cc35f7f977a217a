"""The scheduler benchmark: the cost of a decision, and the time over the bound."""
