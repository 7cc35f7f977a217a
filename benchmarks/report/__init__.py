"""Makes the report, its page and its picture that the documents show, and measures its cost."""
