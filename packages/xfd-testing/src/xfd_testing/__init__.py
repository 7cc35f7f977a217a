"""Real parts for tests, demos and benchmarks: an S3 server, a Ray cluster, realistic artifacts.

Everything started here runs as a child of the process that started it and ends with it, also when
that process is killed. Several test runs can work side by side: ports are free ones, folders are
temporary ones, and nothing is ever stopped by name.
"""
