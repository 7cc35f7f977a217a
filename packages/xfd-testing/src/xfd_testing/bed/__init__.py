"""A cluster in a box: hosts on one bridge, with links of a given rate, and the servers on them."""
