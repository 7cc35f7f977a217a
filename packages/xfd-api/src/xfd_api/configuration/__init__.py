"""Settings by environment and file: `table` says which, `configuration` what holds."""

from xfd_api.configuration.configuration import Configuration, Value, check_value, load
from xfd_api.configuration.table import SETTINGS, Setting

__all__ = ["SETTINGS", "Configuration", "Setting", "Value", "check_value", "load"]
