"""What each way in costs when all is cached."""
