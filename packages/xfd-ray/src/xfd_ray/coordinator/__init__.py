"""Which leases and swarms there are. Plain Python: it reaches the cluster through protocols."""
