"""Engines that carry a pipeline's items through its stages."""
