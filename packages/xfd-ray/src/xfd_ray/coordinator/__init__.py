"""The coordinator: leases and their swarms. It reaches the cluster through protocols alone."""
