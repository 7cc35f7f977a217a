"""What the control of a distribution costs, by role."""
