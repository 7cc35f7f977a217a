"""What `mkdocs` runs while it builds the documentation site; `mkdocs.yml` names `hooks.py`."""
