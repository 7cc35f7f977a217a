"""Scripted swarms, for tests."""
