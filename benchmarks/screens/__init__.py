"""Pictures of what a user sees, taken of real runs: `nox -s bench -- screens`."""
