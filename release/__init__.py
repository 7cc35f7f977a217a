"""How a release is made: `nox -s release` and `nox -s bump` run these modules."""
