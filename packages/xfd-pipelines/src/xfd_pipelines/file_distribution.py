"""The data model of xfd, under the name that pipelines import it by.

from xfd_pipelines import file_distribution
"""

from xfd_api import *  # noqa: F403
from xfd_api import __all__ as __all__
