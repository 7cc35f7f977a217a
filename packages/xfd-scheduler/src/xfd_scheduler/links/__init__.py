"""How fast nodes receive, and how much work each may have."""
