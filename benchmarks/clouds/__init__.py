"""What reading from S3, Google and Azure costs, beside the crate `object_store`."""
