"""What xfd keeps on this host: the index of it, quota and age, pins, removal.

The index is a hint. What counts is the record beside each file, and it is compared before anything
is removed or shared.
"""
