"""The Grafana dashboard, made from a table; the rules for Prometheus, and their tests."""
