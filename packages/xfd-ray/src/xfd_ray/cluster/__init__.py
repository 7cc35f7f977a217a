"""Everything that talks to Ray. With `xfd_ray.distribute` the only code that imports ray."""
