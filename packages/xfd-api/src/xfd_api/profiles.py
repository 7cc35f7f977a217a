"""Several stores, each by the name of its profile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from xfd_api.errors import UnknownProfileError
from xfd_api.stores import ObjectStoreConfig


@dataclass(frozen=True, slots=True)
class ObjectStoreConfigByProfile:
    """Several stores with credentials of their own; the profile None is the one without a name.

    Attributes:
        profiles: a store by the `profile_name` that requests give.

    Example:
        >>> models = ObjectStoreConfig.make_for_s3("company-models")
        >>> ObjectStoreConfigByProfile(profiles={"models": models}).of("models").bucket
        'company-models'
    """

    profiles: Mapping[str | None, ObjectStoreConfig]

    def __post_init__(self) -> None:
        object.__setattr__(self, "profiles", dict(self.profiles))

    def of(self, profile_name: str | None) -> ObjectStoreConfig:
        """The store of one profile.

        Raises:
            UnknownProfileError: there is no profile of this name.
        """
        try:
            return self.profiles[profile_name]
        except KeyError:
            known = ", ".join(sorted(repr(name) for name in self.profiles)) or "none"
            raise UnknownProfileError(
                f"There is no profile {profile_name!r}; known: {known}"
            ) from None


def by_profile(
    config: ObjectStoreConfig | ObjectStoreConfigByProfile,
) -> ObjectStoreConfigByProfile:
    """The stores by profile; a bare configuration is the profile None."""
    if isinstance(config, ObjectStoreConfigByProfile):
        return config
    return ObjectStoreConfigByProfile(profiles={None: config})
