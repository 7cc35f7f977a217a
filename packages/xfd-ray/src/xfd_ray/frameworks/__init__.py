"""Ways in: where the users of Ray and its libraries are. Each imports its framework at use."""
