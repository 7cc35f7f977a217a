"""The scheduler benchmark: what a decision costs, and how near the bound its plans come."""
