"""Helpers for tests of code that drives a scheduler."""
