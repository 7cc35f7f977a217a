"""Logs, traces and versions: what the processes say of themselves."""
