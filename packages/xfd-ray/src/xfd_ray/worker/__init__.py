"""One node's side of the control channel, around a data plane."""
