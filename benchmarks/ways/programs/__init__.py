"""One module per way in; `benchmarks.ways.program` says what it has."""
