"""The cluster benchmark: real Ray, real S3, real packets on rate-limited links."""
