"""Shows the examples of docstrings as code.

The project's docstrings say `Example:`, as Google's style does. Griffe, which reads them for the
site, knows the section as `Examples:` alone, and takes another title for a remark in prose.
"""

from __future__ import annotations

import re
from typing import Any

import griffe


class Examples(griffe.Extension):
    """Reads `Example:` as `Examples:`."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Called by griffe for each module, class, function and attribute."""
        if obj.docstring:
            text = re.sub(r"^Example:$", "Examples:", obj.docstring.value, flags=re.MULTILINE)
            obj.docstring.value = text
