"""Logs, traces and package versions of a process."""
