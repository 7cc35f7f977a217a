"""Metrics of workers and coordinators: what is measured, and how it is exported."""
