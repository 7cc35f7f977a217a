"""The data plane benchmark: one host, a real S3 server on loopback, whole processes measured."""
