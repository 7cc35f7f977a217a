"""What reported events change in the state."""
