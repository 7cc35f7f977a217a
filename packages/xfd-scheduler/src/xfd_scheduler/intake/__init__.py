"""Applies events to the state: inventories, reports, failures, lost nodes, releases."""
