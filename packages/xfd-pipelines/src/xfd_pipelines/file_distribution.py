"""The words of xfd, under the name that pipelines import them by.

from xfd_pipelines import file_distribution
"""

from xfd_api import *  # noqa: F403
from xfd_api import __all__ as __all__
