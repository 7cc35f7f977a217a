"""Everything that talks to Ray. With `frameworks` and `cli` the only code that imports ray."""
